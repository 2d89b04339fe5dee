//! Filters: what `|NAME` in a reference does to the bytes before it.

use crate::secret::Secret;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Trim,
    Base64Decode,
    Base64Encode,
    HexDecode,
    Json,
    UrlEncode,
    ShellQuote,
}

impl Filter {
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("trim", Self::Trim),
        ("base64d", Self::Base64Decode),
        ("base64", Self::Base64Encode),
        ("hexd", Self::HexDecode),
        ("json", Self::Json),
        ("urlencode", Self::UrlEncode),
        ("shellquote", Self::ShellQuote),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, filter)| *filter == self).map_or("", |(name, _)| name)
    }

    /// Runs filters over plain text; Err is the one that it does not fit.
    #[allow(clippy::disallowed_methods, reason = "the text is the configuration's own")]
    pub(crate) fn run_all(filters: &[Self], text: &[u8]) -> Result<Vec<u8>, Self> {
        filters
            .iter()
            .try_fold(text.to_vec(), |text, filter| filter.run(&text).map(|text| text.expose().to_vec()).ok_or(*filter))
    }

    /// None where the value does not fit.
    pub(crate) fn run(self, value: &[u8]) -> Option<Secret> {
        Some(match self {
            Self::Trim => Secret::from(value.trim_ascii().to_vec()),
            Self::Base64Encode => Secret::from(STANDARD.encode(value)),
            Self::Base64Decode => base64_decode(value)?,
            Self::HexDecode => {
                let digits = value.trim_ascii();
                if !digits.len().is_multiple_of(2) {
                    return None;
                }
                let digit = |byte: u8| (byte as char).to_digit(16);
                let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
                for pair in digits.chunks_exact(2) {
                    bytes.push((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
                }
                bytes.into()
            }
            Self::Json => Secret::from(serde_json::from_slice::<serde_json::Value>(value).ok()?.to_string()),
            Self::UrlEncode => {
                let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 3));
                for &byte in value {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        text.push(byte);
                    } else {
                        let digit = |four: u8| b"0123456789ABCDEF"[usize::from(four)];
                        text.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
                    }
                }
                text.into()
            }
            Self::ShellQuote => {
                let quotes = value.iter().filter(|&&byte| byte == b'\'').count();
                let mut text = Zeroizing::new(Vec::with_capacity(value.len() + quotes * 3 + 2));
                text.push(b'\'');
                for &byte in value {
                    text.extend_from_slice(if byte == b'\'' { br"'\''" } else { std::slice::from_ref(&byte) });
                }
                text.push(b'\'');
                text.into()
            }
        })
    }
}

/// Either alphabet of RFC 4648, padded or not, line breaks ignored.
fn base64_decode(value: &[u8]) -> Option<Secret> {
    let compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet =
        if compact.iter().any(|byte| b"-_".contains(byte)) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    GeneralPurpose::new(alphabet, config).decode(&*compact).ok().map(Secret::from)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at what came out")]
mod tests {
    use super::*;

    #[test]
    fn filters_turn_bytes_into_bytes() {
        let run = |filter: Filter, value: &str| filter.run(value.as_bytes()).map(|made| made.expose().to_vec());
        let text = |filter, value| String::from_utf8(run(filter, value).unwrap()).unwrap();
        assert_eq!(text(Filter::Trim, " a b\n"), "a b");
        assert_eq!(text(Filter::Base64Encode, "hi\n"), "aGkK");
        assert_eq!(text(Filter::Base64Decode, "aGkK\n"), "hi\n");
        assert_eq!(text(Filter::Base64Decode, "aG\nk"), "hi");
        assert_eq!(run(Filter::Base64Decode, "_-8").unwrap(), [255, 239]);
        assert_eq!(run(Filter::HexDecode, "00fF\n").unwrap(), [0, 255]);
        assert_eq!(text(Filter::UrlEncode, "a b/ü~"), "a%20b%2F%C3%BC~");
        assert_eq!(text(Filter::ShellQuote, "it's"), r"'it'\''s'");
        assert_eq!(text(Filter::Json, "{ \"a\" : [1, \"b\"] }"), r#"{"a":[1,"b"]}"#);
        for (filter, bad) in [(Filter::Base64Decode, "a!"), (Filter::HexDecode, "abc"), (Filter::Json, "plain")] {
            assert!(run(filter, bad).is_none());
        }
    }
}
