//! Users and groups by parsing /etc/passwd and /etc/group (passwd(5), group(5)): a static program
//! cannot count on the host's name service.

use std::fs;

/// Who a file is given to; None leaves that part as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: u32,
    pub(crate) group: u32,
    /// All groups, the one above among them, each once and in order.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// `USER`, `USER:GROUP` or `:GROUP`, names or numbers. A user that is named without a group brings
/// its own.
pub(crate) fn owner(text: &str) -> Result<Owner, String> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    if user.is_empty() && group.unwrap_or("").is_empty() {
        return Err("an owner is USER, USER:GROUP or :GROUP".to_owned());
    }
    let (user, own_group) = match number(user) {
        _ if user.is_empty() => (None, None),
        Some(number) => (Some(number), None),
        None => {
            let users = passwd();
            let entry = Entry::of(user, &users).ok_or_else(|| unknown_user(user))?;
            (Some(entry.user), Some(entry.group))
        }
    };
    let group = match group {
        None | Some("") => own_group,
        Some(group) => Some(group_numbered(group)?),
    };
    Ok(Owner { user, group })
}

/// `USER` or `USER:GROUP`, names or numbers. A user that is named alone brings all its groups, one with
/// a group has that one only. A number that /etc/passwd does not know has the group of the same number.
pub(crate) fn identity(text: &str) -> Result<Identity, String> {
    let (name, group) = text.split_once(':').map_or((text, ""), |(name, group)| (name, group));
    if name.is_empty() {
        return Err(format!("`{text}` is not USER or USER:GROUP"));
    }
    let users = passwd();
    let entry = Entry::of(name, &users);
    let (user, own_group) = match (&entry, number(name)) {
        (Some(entry), _) => (entry.user, entry.group),
        (None, Some(number)) => (number, number),
        (None, None) => return Err(unknown_user(name)),
    };
    let (group, mut groups) = match (group, &entry) {
        ("", Some(entry)) => (own_group, groups_with(entry.name, &read("/etc/group"))),
        ("", None) => (own_group, Vec::new()),
        (group, _) => (group_numbered(group)?, Vec::new()),
    };
    groups.push(group);
    groups.sort_unstable();
    groups.dedup();
    let home = entry.map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
    Ok(Identity { user, group, groups, home })
}

/// The login name of a user.
pub(crate) fn login_name(user: u32) -> Option<String> {
    let users = passwd();
    let fields = line_of(&users, 2, &user.to_string())?;
    fields.first().filter(|name| !name.is_empty()).map(|name| (*name).to_owned())
}

/// A line of passwd(5).
struct Entry<'a> {
    name: &'a str,
    user: u32,
    group: u32,
    home: &'a str,
}

impl<'a> Entry<'a> {
    /// By the user's name or number.
    fn of(user: &str, users: &'a str) -> Option<Self> {
        let fields = line_of(users, if number(user).is_some() { 2 } else { 0 }, user)?;
        let [name, _, user, group, _, home, ..] = fields[..] else { return None };
        Some(Self { name, user: number(user)?, group: number(group)?, home })
    }
}

fn group_numbered(group: &str) -> Result<u32, String> {
    let named = || number(line_of(&read("/etc/group"), 0, group)?.get(2)?);
    let unknown = || format!("there is no group `{group}` in /etc/group; a number up to {HIGHEST} works always");
    number(group).or_else(named).ok_or_else(unknown)
}

/// The groups that name the user a member.
fn groups_with(user: &str, groups: &str) -> Vec<u32> {
    let of_user = |line: &str| match line.split(':').collect::<Vec<_>>()[..] {
        [_, _, group, members] if members.split(',').any(|member| member == user) => number(group),
        _ => None,
    };
    groups.lines().filter_map(of_user).collect()
}

/// The number above stands for no change in chown(2) and setresuid(2), so it is no id.
const HIGHEST: u32 = u32::MAX - 1;

fn number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&number| is_plain && number <= HIGHEST)
}

fn unknown_user(name: &str) -> String {
    format!("there is no user `{name}` in /etc/passwd; a number up to {HIGHEST} works always")
}

fn passwd() -> String {
    read("/etc/passwd")
}

/// The file's text; an empty image has none. A full name may be in any encoding.
fn read(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
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

    #[test]
    fn ids_are_plain_numbers_that_mean_somebody() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("4294967294"), Some(4_294_967_294));
        for bad in ["", "+5", "-1", " 5", "4294967295", "4294967296", "x"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nshort:x:5:5\namy:x:1000:100:Amy:/home/amy:/bin/sh\nx:x:y:1::/:\n";
        let entry = |user| Entry::of(user, users).map(|entry| (entry.name, entry.user, entry.group, entry.home));
        assert_eq!(entry("amy"), Some(("amy", 1000, 100, "/home/amy")));
        assert_eq!(entry("1000"), entry("amy"));
        for none in ["short", "x", "nobody", "100", ""] {
            assert_eq!(entry(none), None, "{none}");
        }
    }

    #[test]
    fn groups_are_those_that_name_the_user_whole() {
        let groups = "root:x:0:\nadm:x:4:amy,bob\namyx:x:5:amyx\nbroken:x:6\nbad:x:q:amy\nlast:x:7:bob,amy\n";
        assert_eq!(groups_with("amy", groups), [4, 7]);
        assert_eq!(groups_with("nobody", groups), [0_u32; 0]);
    }

    #[test]
    fn an_identity_never_keeps_what_was_not_asked_for() {
        let root = identity("root").unwrap();
        assert_eq!((root.user, root.group, root.home.as_str()), (0, 0, "/root"));
        let unknown = Identity { user: 4_000_001, group: 4_000_001, groups: vec![4_000_001], home: "/".to_owned() };
        assert_eq!(identity("4000001"), Ok(unknown.clone()));
        assert_eq!(identity("4000001:7"), Ok(Identity { group: 7, groups: vec![7], ..unknown }));
        assert_eq!(identity("root:7").unwrap().groups, [7]);
        for bad in ["", ":", ":7", "nobody-here", "root:nobody-here", "4294967295", "0:4294967295", "+0"] {
            assert!(identity(bad).is_err(), "{bad}");
        }
    }
}
