//! Addresses without what nobody else may see.

/// `url` without the password in it; of addresses over https without the user too, who may be a token.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return url.to_owned() };
    let host_and_path = &rest[at + 1..];
    let user = rest[..at].split(':').next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "ssh" | "git" | "postgres" | "postgresql" if !user.is_empty() => format!("{scheme}://{user}@{host_and_path}"),
        _ => format!("{scheme}://{host_and_path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn users_and_passwords_are_left_out_and_paths_are_not() {
        for (url, shown) in [
            ("https://user:secret@git.example.com/a@b.git", "https://git.example.com/a@b.git"),
            ("https://token@git.example.com/x", "https://git.example.com/x"),
            ("HTTP://a:b@c@host", "HTTP://host"),
            ("ssh://git:secret@host:22/x", "ssh://git@host:22/x"),
            ("ftp://user:secret@host/x", "ftp://host/x"),
            ("git@host:team/x.git", "git@host:team/x.git"),
            ("https://host/x?y=a@b", "https://host/x?y=a@b"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
