//! Dotenv files, byte for byte: no expansion of any kind.
//!
//! `[export] NAME=VALUE` a line. Unquoted: blanks around are trimmed, a blank and `#` start a
//! comment. `'…'` is literal, `"…"` knows `\"` `\\` `\n` `\r` `\t`; both may span lines. A line ends
//! with LF or CRLF.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
    /// Bytes into the file.
    pub(crate) at: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DotenvError {
    pub(crate) at: usize,
    pub(crate) message: &'static str,
}

pub(crate) fn parse(text: &[u8]) -> (Vec<Assignment>, Vec<DotenvError>) {
    let mut reader = Reader { text, at: 0 };
    let (mut assignments, mut errors) = (Vec::new(), Vec::new());
    while reader.at < text.len() {
        match reader.line() {
            Ok(assignment) => assignments.extend(assignment),
            Err(error) => {
                errors.push(error);
                reader.skip_line();
            }
        }
    }
    (assignments, errors)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<Option<Assignment>, DotenvError> {
        self.skip_blanks();
        if matches!(self.peek(), None | Some(b'#' | b'\n' | b'\r')) {
            self.skip_line();
            return Ok(None);
        }
        let at = self.at;
        let name = self.name()?;
        self.skip_blanks();
        let value = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => {
                let value = self.quoted(quote)?;
                self.rest_is_comment()?;
                value
            }
            _ => self.unquoted(),
        };
        Ok(Some(Assignment { name, value, at }))
    }

    /// Up to and with the `=`.
    fn name(&mut self) -> Result<String, DotenvError> {
        let start = self.at;
        let line = &self.text[start..];
        let end = line.iter().position(|&byte| matches!(byte, b'=' | b'\n'));
        let Some(end) = end.filter(|&end| line[end] == b'=') else {
            return Err(DotenvError { at: start, message: "a line has no `=`; write NAME=VALUE" });
        };
        self.at = start + end + 1;
        let mut name = line[..end].trim_ascii();
        if let Some(after) = name.strip_prefix(b"export")
            && after.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        {
            name = after.trim_ascii();
        }
        let named = std::str::from_utf8(name).ok().filter(|name| {
            !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control())
        });
        named.map(str::to_owned).ok_or(DotenvError {
            at: start,
            message: "a variable's name is empty, has blanks in it or is not UTF-8; write NAME=VALUE",
        })
    }

    fn unquoted(&mut self) -> Vec<u8> {
        // The blank before a comment may be one that follows the `=`.
        let start = self.at;
        let line = self.rest_of_line();
        let comment = (0..line.len()).find(|&at| {
            let before = start + at - 1;
            line[at] == b'#' && matches!(self.text[before], b' ' | b'\t')
        });
        let value = trim_blanks(&line[..comment.unwrap_or(line.len())]).to_vec();
        self.skip_line();
        value
    }

    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, DotenvError> {
        let open = self.at;
        self.at += 1;
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                _ if byte == quote => return Ok(value),
                b'\\' if quote == b'"' => {
                    let escape = match self.peek() {
                        Some(b'"') => Some(b'"'),
                        Some(b'\\') => Some(b'\\'),
                        Some(b'n') => Some(b'\n'),
                        Some(b'r') => Some(b'\r'),
                        Some(b't') => Some(b'\t'),
                        _ => None,
                    };
                    self.at += usize::from(escape.is_some());
                    value.push(escape.unwrap_or(b'\\'));
                }
                _ => value.push(byte),
            }
        }
        self.at = open;
        Err(DotenvError { at: open, message: "a quoted value has no closing quote" })
    }

    fn rest_is_comment(&mut self) -> Result<(), DotenvError> {
        let at = self.at;
        let rest = trim_blanks(self.rest_of_line());
        if !rest.is_empty() && !rest.starts_with(b"#") {
            return Err(DotenvError { at, message: "something follows a closing quote; only a comment may" });
        }
        self.skip_line();
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Without the LF or CRLF that ends it.
    fn rest_of_line(&self) -> &[u8] {
        let end = self.line_end();
        let line = &self.text[self.at..end];
        if end < self.text.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
    }

    /// Where the LF stands, or the text ends.
    fn line_end(&self) -> usize {
        let rest = &self.text[self.at..];
        self.at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
    }

    fn skip_line(&mut self) {
        self.at = (self.line_end() + 1).min(self.text.len());
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }
}

fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let (assignments, errors) = parse(text.as_bytes());
        assert_eq!(errors, []);
        assignments.into_iter().map(|one| (one.name, String::from_utf8(one.value).unwrap())).collect()
    }

    fn value(text: &str) -> String {
        let mut all = values(text);
        assert_eq!(all.len(), 1, "{text:?}");
        all.remove(0).1
    }

    #[test]
    fn unquoted_values_are_trimmed_and_end_at_a_comment() {
        assert_eq!(value("A=  b c \t"), "b c");
        assert_eq!(value("A=a#b # c"), "a#b");
        assert_eq!(value("A=#b"), "#b");
        assert_eq!(value("A= #b"), "");
        assert_eq!(value("A="), "");
        assert_eq!(value("A=x=y"), "x=y");
        assert_eq!(value("A=it's \"so\""), "it's \"so\"");
        assert_eq!(value("A=$HOME `id` \\n"), "$HOME `id` \\n");
        assert_eq!(value("A=b\r\n"), "b");
        assert_eq!(value("A=\u{c}b\r"), "\u{c}b\r", "only blanks are trimmed, and CR ends no line alone");
    }

    #[test]
    fn quoted_values_keep_their_bytes() {
        assert_eq!(value("A='a # \\n \"$<secret:x>\"' # c"), "a # \\n \"$<secret:x>\"");
        assert_eq!(value(r#"A="\"\\\n\r\t\x\$""#), "\"\\\n\r\t\\x\\$");
        assert_eq!(value("A=' b '\r\n"), " b ");
        assert_eq!(values("A=\"x\ny\"\nB='p\r\nq'\n"), [("A".into(), "x\ny".into()), ("B".into(), "p\r\nq".into())]);
    }

    #[test]
    fn export_comments_and_blank_lines_are_no_names() {
        assert_eq!(
            values("# c\n\n \t\r\nexport A=1\n  export\tB = 2\nexports=3\n"),
            [("A".into(), "1".into()), ("B".into(), "2".into()), ("exports".into(), "3".into())]
        );
    }

    #[test]
    fn every_bad_line_is_reported_and_the_rest_is_read() {
        let (assignments, errors) = parse(b"A\nB=1\n=2\nC='x' y\na b=1\nD=\"open\nE=5\n");
        assert_eq!(assignments.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["B", "E"]);
        assert_eq!(errors.iter().map(|error| error.at).collect::<Vec<_>>(), [0, 6, 14, 17, 25]);
    }
}
