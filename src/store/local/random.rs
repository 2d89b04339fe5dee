//! Passwords made by the kernel's generator.

use crate::secret::Secret;
use crate::store::StoreError;
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

/// What a Tapis password is made of.
const CHARACTERS: &[u8; 70] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*";
/// A byte from here on is thrown away: with it the first characters would come more often.
const FAIR: u8 = 3 * CHARACTERS.len() as u8;

pub(crate) fn password(length: usize) -> Result<Secret, StoreError> {
    let mut password = Zeroizing::new(Vec::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while password.len() < length {
        OsRng
            .try_fill_bytes(&mut *bytes)
            .map_err(|error| StoreError::Unavailable(format!("the kernel gave no random bytes: {error}")))?;
        let fair =
            bytes.iter().filter(|&&byte| byte < FAIR).map(|&byte| CHARACTERS[usize::from(byte) % CHARACTERS.len()]);
        let missing = length - password.len();
        password.extend(fair.take(missing));
    }
    Ok(password.into())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests look at the passwords they make")]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_its_length_and_every_character_comes_equally_often() {
        for length in [8, 63, 128] {
            assert_eq!(password(length).ok().unwrap().len(), length);
        }
        let many = password(70_000).ok().unwrap();
        let mut counts = [0_u32; 256];
        many.expose().iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        assert_eq!(CHARACTERS.iter().map(|&byte| counts[usize::from(byte)]).sum::<u32>(), 70_000);
        // 1000 expected, with a deviation of 31: ten of them. A plain remainder would give the first 46
        // characters 1094 and the others 820.
        assert!(CHARACTERS.iter().all(|&byte| (850..1150).contains(&counts[usize::from(byte)])));
    }
}
