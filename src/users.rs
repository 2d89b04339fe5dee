//! Users and groups by parsing /etc/passwd and /etc/group (passwd(5), group(5)): a static program
//! cannot count on the host's name service.

use std::fs;

/// Who a file is given to; None leaves that part as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// `USER`, `USER:GROUP` or `:GROUP`, names or numbers. A user that is named without a group brings
/// its own.
pub(crate) fn owner(text: &str) -> Result<Owner, String> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    if user.is_empty() && group.unwrap_or("").is_empty() {
        return Err("an owner is USER, USER:GROUP or :GROUP".to_owned());
    }
    let (user, own_group) = match user.parse() {
        _ if user.is_empty() => (None, None),
        Ok(number) => (Some(number), None),
        Err(_) => {
            let (number, group) = user_named(user)
                .ok_or_else(|| format!("there is no user `{user}` in /etc/passwd; a number works always"))?;
            (Some(number), Some(group))
        }
    };
    let group = match group {
        None | Some("") => own_group,
        Some(group) => match group.parse() {
            Ok(number) => Some(number),
            Err(_) => Some(
                group_named(group)
                    .ok_or_else(|| format!("there is no group `{group}` in /etc/group; a number works always"))?,
            ),
        },
    };
    Ok(Owner { user, group })
}

/// The number and the group of a user.
fn user_named(name: &str) -> Option<(u32, u32)> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    let fields = line_of(&text, 0, name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

fn group_named(name: &str) -> Option<u32> {
    let text = fs::read_to_string("/etc/group").ok()?;
    line_of(&text, 0, name)?.get(2)?.parse().ok()
}

/// The login name of a user.
pub(crate) fn login_name(user: u32) -> Option<String> {
    let text = fs::read("/etc/passwd").ok()?;
    let text = String::from_utf8_lossy(&text);
    let fields = line_of(&text, 2, &user.to_string())?;
    fields.first().filter(|name| !name.is_empty()).map(|name| (*name).to_owned())
}

fn line_of<'a>(text: &'a str, field: usize, value: &str) -> Option<Vec<&'a str>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(field) == Some(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_the_whole_field() {
        let users = "root:x:0:0::/root:/bin/sh\nbroken\n\namy:x:1000:1000::/:/bin/sh\n";
        assert_eq!(line_of(users, 2, "1000").unwrap()[0], "amy");
        assert_eq!(line_of(users, 2, "100"), None);
    }

    #[test]
    fn owners_are_names_or_numbers() {
        assert_eq!(owner("12:34"), Ok(Owner { user: Some(12), group: Some(34) }));
        assert_eq!(owner("root"), Ok(Owner { user: Some(0), group: Some(0) }));
        assert_eq!(owner(":root"), Ok(Owner { user: None, group: Some(0) }));
        assert_eq!(owner("7"), Ok(Owner { user: Some(7), group: None }));
        assert!(owner("nobody-here").is_err());
        assert!(owner("").is_err());
        assert!(owner(":").is_err());
    }
}
