//! JSON Web Tokens (RFC 7519), as far as we look into our own: unproven, since the service that it is for
//! looks at the signature.

use super::object::Object;
use crate::secret::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// What a token says of itself: the middle one of three parts (RFC 7515 section 7.1). None: it is no such token.
#[allow(clippy::disallowed_methods, reason = "the claims of a token are no secret, its signature is")]
pub(super) fn claims<T>(token: &Secret, read: impl FnOnce(&Object<'_>) -> T) -> Option<T> {
    let mut parts = token.expose().split(|&byte| byte == b'.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?);
    Some(read(&Object::parse(&claims)?))
}

/// In seconds since 1970, as the claims that are times.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_parts_with_an_object_in_the_middle_are_a_token() {
        let user = |text: &str| claims(&Secret::from(text.to_owned()), |claims| claims.get::<String>("u"));
        let middle = BASE64_URL_SAFE_NO_PAD.encode(r#"{"u": "amy"}"#);
        assert_eq!(user(&format!("h.{middle}.s")), Some(Some("amy".into())));
        assert_eq!(user(&format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode("{}"))), Some(None));
        for no_token in ["", "opaque", &format!("h.{middle}"), &format!("h.{middle}.s.t"), "h.e30=.s", "h.!.s", "h..s"]
        {
            assert_eq!(user(no_token), None, "{no_token}");
        }
    }
}
