//! The one type that holds a secret's bytes.
//!
//! It has no Debug, Display, Clone, PartialEq or serde, so a secret cannot be printed, copied or
//! compared by accident; dropping it wipes it. Who may look inside is decided by clippy's list of
//! disallowed methods: each caller of [`Secret::expose`] states its reason.

use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

pub(crate) struct Secret(SecretBox<[u8]>);

impl Secret {
    /// The bytes, for whoever hands them to their destination.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// A copy, for a value that two references share.
    pub(crate) fn duplicate(&self) -> Self {
        Self::from(self.0.expose_secret().to_vec())
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the buffer over; no copy is made when its length is its capacity.
    fn from(bytes: Vec<u8>) -> Self {
        Self(SecretBox::new(bytes.into_boxed_slice()))
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::from(std::mem::take(&mut *bytes))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}
