//! The encryption of a manager's export, done here: the manager would want the passphrase in an address, and
//! addresses are logged.
//!
//! Fernet's layout with longer keys: version, time, IV, AES-256-CBC with PKCS #7, HMAC-SHA256 over all of it, in
//! base64 for addresses. The manager itself opens it, on import.

use super::StoreError;
use crate::secret::Secret;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockEncryptMut as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{hmac, pbkdf2};
use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// All managers have the same.
const SALT: &[u8] = b"salt_";
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

const VERSION: u8 = 0x80;
const BLOCK: usize = 16;

pub(super) struct Keys {
    signing: hmac::Key,
    encryption: Zeroizing<[u8; 32]>,
}

impl Keys {
    #[allow(clippy::disallowed_methods, reason = "keys are made of the passphrase")]
    pub(super) fn of(passphrase: &Secret) -> Self {
        let mut keys = Zeroizing::new([0; 64]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, SALT, passphrase.expose(), &mut *keys);
        let mut encryption = Zeroizing::new([0; 32]);
        encryption.copy_from_slice(&keys[32..]);
        Self { signing: hmac::Key::new(hmac::HMAC_SHA256, &keys[..32]), encryption }
    }

    pub(super) fn seal(&self, text: &[u8]) -> Result<String, StoreError> {
        let mut iv = [0; BLOCK];
        let no_random = |_| StoreError::Unavailable("the kernel gave no random bytes".to_owned());
        SystemRandom::new().fill(&mut iv).map_err(no_random)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(self.sealed(text, iv, now))
    }

    fn sealed(&self, text: &[u8], iv: [u8; BLOCK], seconds: u64) -> String {
        let mut blocks = Zeroizing::new(vec![0; text.len() / BLOCK * BLOCK + BLOCK]);
        blocks[..text.len()].copy_from_slice(text);
        let cipher = cbc::Encryptor::<aes::Aes256>::new((&*self.encryption).into(), (&iv).into());
        // There is room for the padding, so this gives all of it.
        let encrypted = cipher.encrypt_padded_mut::<Pkcs7>(&mut blocks, text.len()).unwrap_or_default();
        let mut token = [&[VERSION][..], &seconds.to_be_bytes(), &iv, encrypted].concat();
        let signature = hmac::sign(&self.signing, &token);
        token.extend_from_slice(signature.as_ref());
        URL_SAFE.encode(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a manager of the 7.1 line made of `hunter4` and `passphrase1`.
    const OF_A_MANAGER: &str =
        "gAAAAABrAmtdWXYBuY6qXNrGiIUDqdhOdf4nc1TfUktZXP683GrWJMq-duIGo_3Qjrycn9I8srOvbmSyn69OB6jVpgKhlZ3vmA==";

    #[test]
    fn what_is_sealed_is_what_a_manager_makes_of_it() {
        let token = URL_SAFE.decode(OF_A_MANAGER).unwrap();
        let seconds = u64::from_be_bytes(token[1..9].try_into().unwrap());
        let iv = token[9..25].try_into().unwrap();
        let keys = Keys::of(&Secret::from("passphrase1".to_owned()));
        assert_eq!(keys.sealed(b"hunter4", iv, seconds), OF_A_MANAGER);
    }

    #[test]
    fn no_two_seals_are_the_same() {
        let keys = Keys::of(&Secret::from("p".to_owned()));
        assert_ne!(keys.seal(b"x").unwrap(), keys.seal(b"x").unwrap());
    }
}
