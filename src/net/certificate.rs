//! The names in an X.509 certificate (RFC 5280 section 4.1), for messages about one that is refused.
//!
//! It comes from whoever answers: nothing is trusted, and what cannot be read is left out.

/// id-at-commonName, id-at-organizationName (X.520), as DER has them.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0A];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const VERSION: u8 = 0xA0;

/// ` (subject "a", issuer "b")`, or less.
pub(super) fn describe(certificate: &[u8]) -> String {
    let Some((issuer, subject)) = names(certificate) else { return String::new() };
    match (subject, issuer) {
        (Some(subject), Some(issuer)) => format!(" (subject \"{subject}\", issuer \"{issuer}\")"),
        (Some(subject), None) => format!(" (subject \"{subject}\")"),
        (None, Some(issuer)) => format!(" (issuer \"{issuer}\")"),
        (None, None) => String::new(),
    }
}

/// At most 80 characters of it, none that moves a terminal's cursor or ends a quotation.
pub(super) fn printable(text: &str) -> String {
    let is_harmless = |letter: &char| (' '..='~').contains(letter) && *letter != '"' || letter.is_alphanumeric();
    text.chars().filter(is_harmless).take(80).collect()
}

/// Issuer and subject.
fn names(certificate: &[u8]) -> Option<(Option<String>, Option<String>)> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    let (_, _, rest) = element(rest)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    Some((name(issuer), name(subject)))
}

/// The common name, else the organisation.
fn name(relative_names: &[u8]) -> Option<String> {
    attribute(relative_names, COMMON_NAME).or_else(|| attribute(relative_names, ORGANIZATION))
}

fn attribute(mut relative_names: &[u8], wanted: &[u8]) -> Option<String> {
    while let Some((mut attributes, rest)) = expect(relative_names, SET) {
        while let Some((pair, more)) = expect(attributes, SEQUENCE) {
            let (object, value) = expect(pair, OBJECT)?;
            if object == wanted {
                let (_, text, _) = element(value)?;
                return Some(printable(&String::from_utf8_lossy(text)));
            }
            attributes = more;
        }
        relative_names = rest;
    }
    None
}

/// The content of the next element, which has to have this tag, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// Tag, content and rest of a DER element (X.690); tags of one byte are all that certificates have.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["host".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_described_by_its_names() {
        let of = |names: &[_]| describe(&certificate(names));
        assert_eq!(of(&[(DnType::CommonName, "a b")]), r#" (subject "a b", issuer "a b")"#);
        let both = [(DnType::OrganizationName, "Org"), (DnType::CommonName, "Name")];
        assert_eq!(of(&both), r#" (subject "Name", issuer "Name")"#);
        assert_eq!(of(&both[..1]), r#" (subject "Org", issuer "Org")"#);
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn a_name_cannot_draw_on_the_terminal() {
        let described = describe(&certificate(&[(DnType::CommonName, "a\u{1b}[31m\"\n\u{202e}ü")]));
        assert_eq!(described, r#" (subject "a[31mü", issuer "a[31mü")"#);
    }

    #[test]
    fn a_broken_certificate_is_described_by_nothing_or_less() {
        let whole = certificate(&[(DnType::CommonName, "name")]);
        for length in 0..whole.len() {
            describe(&whole[..length]);
            let mut broken = whole.clone();
            broken[length] ^= 0xFF;
            describe(&broken);
        }
        assert_eq!(describe(&whole[..20]), "");
        assert_eq!(describe(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), "");
    }
}
