//! A second way into the store for the identities of whoever wrote it: a stanza of our own in the age header.
//!
//! Opening age's X25519 stanza is most of what a launch with few secrets computes. Whoever writes the store holds
//! private keys that it is for, so for each of them the header has a stanza, too, whose key comes from that private
//! key by hashing alone. Whoever does not know it passes over it, as age's format has it for any unknown
//! stanza (C2SP age, "Recipient stanza"), and opens the one of X25519, which is always there.
//!
//! ```text
//! -> inject SALT
//! SEALED
//! ```
//!
//! SALT is 16 random bytes. SEALED is the file key under ChaCha20-Poly1305 with a nonce of zeros and the key
//! HKDF-SHA-256(text of the identity, SALT, LABEL), which the salt makes one that is used once; both are in
//! base64 without padding.

use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519;
use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{aead_decrypt, aead_encrypt, hkdf};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rand_core::{OsRng, RngCore as _};
use std::collections::HashSet;
use std::io;
use zeroize::{Zeroize as _, Zeroizing};

const TAG: &str = "inject";
const LABEL: &[u8] = b"inject: file key for the holder of an age identity";
const SALT_BYTES: usize = 16;

/// An identity that stanzas of ours are made and opened with.
pub(super) struct Holder(SecretString);

impl Holder {
    pub(super) fn of(identity: &x25519::Identity) -> Self {
        Self(identity.to_string())
    }

    fn key(&self, salt: &[u8; SALT_BYTES]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hkdf(salt, LABEL, self.0.expose_secret().as_bytes()))
    }
}

impl age::Recipient for Holder {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut salt = [0; SALT_BYTES];
        OsRng.try_fill_bytes(&mut salt).map_err(io::Error::from)?;
        let body = aead_encrypt(&self.key(&salt), file_key.expose_secret());
        let stanza = Stanza { tag: TAG.into(), args: vec![BASE64_STANDARD_NO_PAD.encode(salt)], body };
        Ok((vec![stanza], HashSet::new()))
    }
}

impl age::Identity for Holder {
    /// None where another identity's, or anything else: age's own stanza decides then.
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let [salt] = &stanza.args[..] else { return None };
        if stanza.tag != TAG {
            return None;
        }
        let salt = BASE64_STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?;
        let mut opened = aead_decrypt(&self.key(&salt), FILE_KEY_BYTES, &stanza.body).ok()?;
        Some(Ok(FileKey::init_with_mut(|key| {
            key.copy_from_slice(&opened);
            opened.zeroize();
        })))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "keys are compared")]
mod tests {
    use super::super::file::{self, Sealed, Writer};
    use super::super::format::Document;
    use super::super::identity::{Identities, Origin};
    use super::*;
    use age::{Encryptor, Identity as _, Recipient as _};
    use std::io::Write as _;
    use std::path::Path;
    use std::time::Instant;

    fn sealed(holder: &Holder) -> (Vec<u8>, Stanza) {
        let key = FileKey::init_with_mut(|key| OsRng.fill_bytes(key));
        let (mut stanzas, labels) = holder.wrap_file_key(&key).ok().unwrap();
        assert_eq!((stanzas.len(), labels.len()), (1, 0));
        (key.expose_secret().to_vec(), stanzas.remove(0))
    }

    fn opened(holder: &Holder, stanza: &Stanza) -> Option<Vec<u8>> {
        holder.unwrap_stanza(stanza).map(|opened| opened.ok().unwrap().expose_secret().to_vec())
    }

    #[test]
    fn who_sealed_a_stanza_opens_it_and_nobody_else() {
        let (own, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        let (key, stanza) = sealed(&Holder::of(&own));
        assert_eq!(opened(&Holder::of(&own), &stanza), Some(key));
        assert_eq!(opened(&Holder::of(&other), &stanza), None);
    }

    fn identities(keys: Vec<x25519::Identity>) -> Identities {
        Identities { keys, origin: Origin::Variable("K".into()) }
    }

    #[test]
    fn a_store_is_opened_by_our_stanza_where_no_other_is_ours() {
        let (own, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        let (holder, recipient) = (Holder::of(&own), other.to_public());
        let recipients: [&dyn age::Recipient; 2] = [&recipient, &holder];
        let mut sealed = Vec::new();
        let mut out = Encryptor::with_recipients(recipients.into_iter()).unwrap().wrap_output(&mut sealed).unwrap();
        out.write_all(b"{}").and_then(|()| out.finish()).unwrap();
        let open = |keys| {
            let sealed = Sealed { bytes: &sealed[..], length: sealed.len() };
            file::decrypt(Path::new("store"), sealed, &identities(keys)).ok()
        };
        assert_eq!(open(vec![x25519::Identity::generate(), own]).as_deref(), Some("{}"));
        assert_eq!(open(vec![other]).as_deref(), Some("{}"));
        assert_eq!(open(vec![x25519::Identity::generate()]), None);
    }

    #[test]
    fn a_store_has_one_of_ours_for_each_identity_of_its_writer_and_an_export_has_none() {
        let (keys, other) =
            ([x25519::Identity::generate(), x25519::Identity::generate()], x25519::Identity::generate());
        let (identities, named) = (identities(keys.into()), [other.to_public().to_string()]);
        let (path, commit) = (Path::new("store"), || Ok(()));
        let writer = Writer {
            path,
            identities: &identities,
            recipients: Some(&named),
            deadline: Instant::now(),
            commit: &commit,
        };
        let stanzas = |sealed: &[u8]| {
            let lines: Vec<_> = sealed.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let count = |tag: &[u8]| lines.iter().filter(|line| line.starts_with(tag)).count();
            (count(b"-> X25519 "), count(b"-> inject "))
        };
        assert_eq!(stanzas(&writer.seal(&mut Document::default()).unwrap()), (3, 2));
        assert_eq!(stanzas(&writer.encrypt(&crate::secret::Secret::from(b"x".to_vec())).unwrap()), (3, 0));
    }

    #[test]
    fn no_two_stanzas_are_sealed_with_the_same_key() {
        let holder = Holder::of(&x25519::Identity::generate());
        let ((_, one), (_, other)) = (sealed(&holder), sealed(&holder));
        assert_ne!(one.args, other.args);
    }

    #[test]
    fn a_stanza_that_was_changed_is_passed_over() {
        let holder = Holder::of(&x25519::Identity::generate());
        let (_, stanza) = sealed(&holder);
        let changed = |change: &dyn Fn(&mut Stanza)| {
            let mut changed = Stanza { tag: stanza.tag.clone(), args: stanza.args.clone(), body: stanza.body.clone() };
            change(&mut changed);
            opened(&holder, &changed)
        };
        assert!(changed(&|_| ()).is_some());
        let changes: [&dyn Fn(&mut Stanza); 8] = [
            &|stanza| stanza.tag = "X25519".into(),
            &|stanza| stanza.args.clear(),
            &|stanza| stanza.args.push("AAAA".into()),
            &|stanza| stanza.args[0].push_str("AAAA"),
            &|stanza| stanza.args[0] = BASE64_STANDARD_NO_PAD.encode([7; SALT_BYTES]),
            &|stanza| stanza.args[0] = "?".repeat(22),
            &|stanza| stanza.body[0] ^= 1,
            &|stanza| stanza.body.truncate(31),
        ];
        assert!(changes.iter().all(|change| changed(change).is_none()));
    }
}
