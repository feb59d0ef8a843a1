//! Addresses of files on a forge, by the address of the remote.

use gix::bstr::{BStr, ByteSlice};

/// The template for files below `prefix` of the repository at `remote`; `None` for an unknown forge.
///
/// GitHub, GitLab, Bitbucket and Gitea (Codeberg, Forgejo) are told apart by their host.
pub(super) fn infer_permalink(remote: &str, prefix: &str) -> Option<String> {
    let url = gix::url::parse(BStr::new(remote)).ok()?;
    let host = url.host()?.to_ascii_lowercase();
    let path = url.path.to_str().ok()?.trim_matches('/');
    let repository = path.strip_suffix(".git").unwrap_or(path);
    let safe =
        |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | '~'));
    if repository.is_empty() || !safe(repository) || !safe(&host) {
        return None;
    }
    let file = if prefix.is_empty() { "{path}".to_owned() } else { format!("{prefix}/{{path}}") };
    let forge = |name: &str| host.split('.').any(|part| part == name || part.starts_with(&format!("{name}-")));
    let rest = if forge("github") {
        format!("blob/{{commit}}/{file}#L{{line}}")
    } else if forge("gitlab") {
        format!("-/blob/{{commit}}/{file}#L{{line}}")
    } else if forge("bitbucket") {
        format!("src/{{commit}}/{file}#lines-{{line}}")
    } else if forge("codeberg") || forge("gitea") || forge("forgejo") {
        format!("src/commit/{{commit}}/{file}#L{{line}}")
    } else {
        return None;
    };
    Some(format!("https://{host}/{repository}/{rest}"))
}
