//! Clones remotes into the data folder and brings the clones up to date.
//!
//! Clones are bare: no hook, submodule, LFS object or filter ever runs. Nothing is asked on a terminal.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use gix::{ThreadSafeRepository, bstr::BStr, remote, url::Scheme};
use xxhash_rust::xxh3::xxh3_64;

use super::{Progress, SourceError, Step, git};
use crate::config::without_credentials;

/// What is fetched: every branch and tag, under its own name.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// The folder of the clone of `url` below `data`, up to date with the remote.
///
/// A remote that cannot be reached is an error even where an older clone exists.
pub(super) fn fetch_remote(url: &str, data: &Path, progress: &dyn Progress) -> Result<PathBuf, SourceError> {
    let address = check_address(url)?;
    progress.report(Step::Fetch, 0, 0);
    let clones = data.join("clones");
    fs::create_dir_all(&clones).map_err(|cause| SourceError::Unreadable { path: clones.clone(), cause })?;
    let folder = clones.join(format!("{:016x}.git", xxh3_64(url.as_bytes())));
    if folder.join("HEAD").is_file() {
        update_clone(&folder, &address)?;
    } else {
        // A clone that was cut short is never taken for a whole one.
        let unfinished = folder.with_extension("part");
        let replace = |result: std::io::Result<()>| match result {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(SourceError::Unreadable { path: unfinished.clone(), cause })
            }
            _ => Ok(()),
        };
        replace(fs::remove_dir_all(&unfinished))?;
        fs::create_dir_all(&unfinished).map_err(|cause| SourceError::Unreadable { path: unfinished.clone(), cause })?;
        ThreadSafeRepository::init_opts(
            &unfinished,
            gix::create::Kind::Bare,
            gix::create::Options::default(),
            git::open_options(),
        )
        .map_err(|error| failed(&address, &error))?;
        update_clone(&unfinished, &address)?;
        replace(fs::rename(&unfinished, &folder))?;
    }
    progress.report(Step::Fetch, 1, 1);
    Ok(folder)
}

/// Refuses everything but https, http, ssh and git: no `ext::`, no local file, nothing that a
/// program could take for an option.
pub(super) fn check_address(url: &str) -> Result<gix::Url, SourceError> {
    let refused = || SourceError::RefusedAddress(without_credentials(url));
    let before_scheme = url.split("://").next().unwrap_or_default();
    if url.starts_with('-') || before_scheme.contains("::") || url.contains(['\n', '\r', '\0']) {
        return Err(refused());
    }
    let address = gix::url::parse(BStr::new(url)).map_err(|_| refused())?;
    let known = matches!(address.scheme, Scheme::Https | Scheme::Http | Scheme::Ssh | Scheme::Git);
    let option = |part: Option<&str>| part.is_some_and(|part| part.starts_with('-'));
    if !known || address.host().is_none() || option(address.host()) || option(address.user()) || address.path.starts_with(b"-") {
        return Err(refused());
    }
    Ok(address)
}

/// How a clone is opened to fetch into it: ssh asks for no passphrase and trusts no unknown host.
fn fetch_options() -> gix::open::Options {
    git::open_options().cli_overrides(["core.sshCommand=ssh -o BatchMode=yes", "ssh.variant=ssh"])
}

fn update_clone(folder: &Path, address: &gix::Url) -> Result<(), SourceError> {
    let fail = |error: gix::Error| failed(address, &error);
    let repository = ThreadSafeRepository::open_opts(folder, fetch_options()).map_err(fail)?.to_thread_local();
    let remote = repository.remote_at(address.clone()).map_err(fail)?;
    let remote = remote.with_refspecs(REFSPECS, remote::Direction::Fetch).map_err(fail)?;
    let remote = remote.with_fetch_tags(remote::fetch::Tags::None);
    let connection = remote.connect(remote::Direction::Fetch).map_err(fail)?;
    let options = remote::ref_map::Options { prefix_from_spec_as_filter_on_remote: false, ..Default::default() };
    let fetch = connection.prepare_fetch(gix::progress::Discard, options).map_err(fail)?;
    let head = fetch.ref_map().remote_refs.iter().find_map(|found| match found {
        gix::protocol::handshake::Ref::Symbolic { full_ref_name, target, .. } if full_ref_name == "HEAD" => {
            Some(target.to_string())
        }
        _ => None,
    });
    fetch.receive(gix::progress::Discard, &AtomicBool::new(false)).map_err(fail)?;
    if let Some(branch) = head.filter(|branch| branch.starts_with("refs/heads/") && !branch.contains(['\n', '\r'])) {
        let path = folder.join("HEAD");
        fs::write(&path, format!("ref: {branch}\n")).map_err(|cause| SourceError::Unreadable { path, cause })?;
    }
    Ok(())
}

/// The address without user and password, and the whole chain of causes.
fn failed(address: &gix::Url, error: &dyn std::error::Error) -> SourceError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = inner.source();
    }
    // As it was written, and with what its escapes mean.
    let written = address.to_bstring().to_string();
    message = message.replace(&written, &without_credentials(&written));
    // The user of an https address may be a token.
    let token = address.user().filter(|user| address.scheme != Scheme::Ssh && user.len() >= 8);
    for secret in address.password().filter(|password| !password.is_empty()).into_iter().chain(token) {
        message = message.replace(secret, "…");
    }
    if let Some(advice) = advise(address, &message) {
        message.push_str(&advice);
    }
    SourceError::Fetch { url: without_credentials(&written), message }
}

/// What to do about a fetch that failed with `message`, where that is known.
fn advise(address: &gix::Url, message: &str) -> Option<String> {
    match address.scheme {
        Scheme::Http if message.contains("clear text") => Some("; use an https address for a remote with a password".to_owned()),
        Scheme::Http | Scheme::Https if message.contains("401") || message.contains("redentials") => {
            Some("; the server asks for a user and a password or refuses the given ones: https://USER:PASSWORD@…".to_owned())
        }
        Scheme::Ssh => {
            let host = address.host().unwrap_or_default();
            let login = address.user().map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
            Some(format!("; `ssh {login}` has to work without a question, with a key and a known host"))
        }
        _ => None,
    }
}
