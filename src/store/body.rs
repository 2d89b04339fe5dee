//! A JSON object that is sent to a server: its members in the order they are put in, secrets among them.
//!
//! No block that had a value in it is left behind unwiped as it grows.

use zeroize::Zeroizing;

pub(super) struct Body(Zeroizing<Vec<u8>>);

impl Body {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(vec![b'{']))
    }

    /// A string.
    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        self.quote(text);
        self
    }

    /// What is JSON already.
    pub(super) fn json(mut self, name: &str, json: impl AsRef<[u8]>) -> Self {
        self.name(name);
        self.push(json.as_ref());
        self
    }

    pub(super) fn finish(mut self) -> Zeroizing<Vec<u8>> {
        self.push(b"}");
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.push(b",");
        }
        self.quote(name);
        self.push(b":");
    }

    fn quote(&mut self, text: &str) {
        // Each byte as `\u00XX` at the worst, and the quotes.
        self.room(6 * text.len() + 2);
        // A text always is JSON, and a Vec takes all that is written.
        let _ = serde_json::to_writer(&mut *self.0, text);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn room(&mut self, more: usize) {
        if self.0.capacity() - self.0.len() < more {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (self.0.len() + more)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_order_they_were_put_in_and_are_escaped() {
        assert_eq!(&*Body::new().finish(), b"{}");
        let body = Body::new().text("a\"", "\0\n\u{fc}").json("b", "[1]").text("c", &"\x01".repeat(100)).finish();
        let expected = format!("{{\"a\\\"\":\"\\u0000\\n\u{fc}\",\"b\":[1],\"c\":\"{}\"}}", "\\u0001".repeat(100));
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }
}
