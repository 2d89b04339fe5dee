//! Which keys and mounts Tapis accepts when a pod is written.

use super::{Map, TapisError};
use crate::spec::Mount;
use std::fmt;

/// The first key that Tapis refuses. Letters and digits of any script count, `_` and `-` stand
/// beside them; that a key outside ASCII can never be referred to is no reason to refuse it.
pub(crate) fn map_keys(map: &Map) -> Result<(), TapisError> {
    let bare = |key: &str| key.replace(['_', '-'], "");
    let fits = |key: &str| !bare(key).is_empty() && bare(key).chars().all(char::is_alphanumeric);
    match map.iter().find(|(key, _)| !fits(key)) {
        Some((key, _)) => Err(TapisError::KeyCharset { key: key.clone() }),
        None => Ok(()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MountError {
    PathEmpty,
    PathRelative,
    PathDotDot,
    TypeMissing,
    Type,
    SourceIdCharset,
    SubPath,
    ContentTooLong,
    Permissions,
    FilenamePath,
    FilenameTooLong,
    FilenameCharset,
    UpdateMode,
    SourceIdNeeded,
    SourceIdUnused,
    ContentNeeded,
    ContentUnsupported,
    FilenameNeeded,
}

impl fmt::Display for MountError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::PathEmpty => "the path of a mount is empty",
            Self::PathRelative => "the path of a mount begins with `/`",
            Self::PathDotDot => "the path of a mount holds no `..`",
            Self::TypeMissing => "a mount needs `type`: ephemeral, tapisvolume, tapissnapshot or pvc",
            Self::Type => "`type` is one of ephemeral, tapisvolume, tapissnapshot and pvc",
            Self::SourceIdCharset => "`source_id` is a small letter, then small letters, digits and `-`, two at least",
            Self::SubPath => "`sub_path` is relative, without `..`",
            Self::ContentTooLong => "`config_content` has at most 1048576 characters; mount a volume for more",
            Self::Permissions => "`config_permissions` is three or four octal digits, such as 0400",
            Self::FilenamePath => "`config_filename` is a name, without `/`, `\\` and `..`",
            Self::FilenameTooLong => "`config_filename` has at most 255 characters",
            Self::FilenameCharset => "`config_filename` is letters, digits, `.`, `_` and `-`",
            Self::UpdateMode => "`config_update_mode` is always or once",
            Self::SourceIdNeeded => "this type of mount needs `source_id`",
            Self::SourceIdUnused => "an ephemeral mount has no `source_id`; its content is `config_content`",
            Self::ContentNeeded => "an ephemeral mount needs `config_content`",
            Self::ContentUnsupported => "this type of mount takes no `config_content`; ephemeral and tapisvolume do",
            Self::FilenameNeeded => "`config_content` in a tapisvolume needs `config_filename`",
        })
    }
}

/// A mount with its defaults; the removal of an inherited one has none. Each field is judged by
/// itself first, all that are wrong in their order; only then what the type asks for.
pub(crate) fn validate_mount(path: &str, mount: &Mount) -> Result<Mount, Vec<MountError>> {
    check_path(path).map_err(|error| vec![error])?;
    if mount.removed {
        return Ok(mount.clone());
    }
    let kind = mount.kind.as_ref().map(|kind| kind.to_lowercase());
    let mode = mount.update_mode.as_ref().map_or_else(|| "always".to_owned(), |mode| mode.to_lowercase());
    let permissions = mount.permissions.as_deref().unwrap_or("0644");
    let sub_path = mount.sub_path.as_deref().unwrap_or_default();
    let content = mount.content.as_deref().unwrap_or_default();

    let mut errors = Vec::new();
    let mut check = |fits: bool, error| {
        if !fits {
            errors.push(error);
        }
    };
    match kind.as_deref() {
        None => check(false, MountError::TypeMissing),
        Some(kind) => check(matches!(kind, "ephemeral" | "tapisvolume" | "tapissnapshot" | "pvc"), MountError::Type),
    }
    check(mount.source_id.as_deref().is_none_or(is_source_id), MountError::SourceIdCharset);
    check(!sub_path.starts_with('/') && sub_path.split('/').all(|part| part != ".."), MountError::SubPath);
    check(content.chars().nth(1 << 20).is_none(), MountError::ContentTooLong);
    let octal = permissions.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    check(permissions.is_empty() || octal && matches!(permissions.len(), 3 | 4), MountError::Permissions);
    if let Err(error) = mount.filename.as_deref().map_or(Ok(()), check_filename) {
        check(false, error);
    }
    check(matches!(mode.as_str(), "always" | "once"), MountError::UpdateMode);
    if !errors.is_empty() {
        return Err(errors);
    }

    let has_source = mount.source_id.as_ref().is_some_and(|id| !id.is_empty());
    let wrong = match kind.as_deref() {
        Some("ephemeral") if content.is_empty() => Some(MountError::ContentNeeded),
        Some("ephemeral") if has_source => Some(MountError::SourceIdUnused),
        Some("ephemeral") => None,
        _ if !has_source => Some(MountError::SourceIdNeeded),
        _ if content.is_empty() => None,
        Some("tapisvolume") if mount.filename.is_some() => None,
        Some("tapisvolume") => Some(MountError::FilenameNeeded),
        _ => Some(MountError::ContentUnsupported),
    };
    if let Some(error) = wrong {
        return Err(vec![error]);
    }
    let read_only = matches!(kind.as_deref(), Some("ephemeral" | "tapissnapshot"));
    Ok(Mount {
        kind,
        sub_path: Some(sub_path.to_owned()),
        read_only: mount.read_only.or(Some(read_only)),
        permissions: Some(permissions.to_owned()),
        update_mode: Some(mode),
        ..mount.clone()
    })
}

fn check_path(path: &str) -> Result<(), MountError> {
    match path {
        "" => Err(MountError::PathEmpty),
        _ if !path.starts_with('/') => Err(MountError::PathRelative),
        _ if path.contains("..") => Err(MountError::PathDotDot),
        _ => Ok(()),
    }
}

/// An empty one counts as none.
fn is_source_id(id: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    id.is_empty() || id.len() > 1 && id.starts_with(|first: char| first.is_ascii_lowercase()) && id.bytes().all(rest)
}

fn check_filename(name: &str) -> Result<(), MountError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.contains(['/', '\\']) || name.contains("..") {
        Err(MountError::FilenamePath)
    } else if name.chars().count() > 255 {
        Err(MountError::FilenameTooLong)
    } else if name.is_empty() || !name.bytes().all(fits) {
        Err(MountError::FilenameCharset)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_letter_or_a_digit_of_some_script() {
        let fits = |key: &str| map_keys(&vec![(key.to_owned(), String::new())]).is_ok();
        assert!(["a", "_a-", "9", "é", "日本", "²"].into_iter().all(fits));
        assert!(!["", "_", "-_", "a b", "a.b", "a\n", "a="].into_iter().any(fits));
    }

    #[test]
    fn names_of_volumes_and_files_are_held_to_their_alphabets() {
        assert!(is_source_id("v1") && is_source_id("") && is_source_id("a-"));
        assert!(!is_source_id("v") && !is_source_id("1v") && !is_source_id("vA"));
        assert_eq!(check_filename(&"é".repeat(256)), Err(MountError::FilenameTooLong));
        assert_eq!(check_filename(&"é".repeat(255)), Err(MountError::FilenameCharset));
        assert_eq!(check_filename("a/.."), Err(MountError::FilenamePath));
    }
}
