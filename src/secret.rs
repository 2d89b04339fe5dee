//! The one type that holds a secret's bytes.
//!
//! It has no Debug, Display, Clone, PartialEq or serde, so a secret cannot be printed, copied or
//! compared by accident; dropping it wipes it. Who may look inside is decided by clippy's list of
//! disallowed methods: each caller of [`Secret::expose`] states its reason.

use secrecy::{ExposeSecret, SecretBox};
use std::rc::Rc;
use zeroize::Zeroizing;

/// The box is shared rather than copied where a value goes to several places; the last one wipes it.
pub(crate) struct Secret(Rc<SecretBox<[u8]>>);

impl Secret {
    /// The bytes, for whoever hands them to their destination.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// The same bytes once more, without a copy of them.
    pub(crate) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the buffer over; no copy is made when its length is its capacity.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Rc::new(SecretBox::new(bytes.into_boxed_slice())))
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
