//! Clones remotes into the data folder and brings the clones up to date.
//!
//! Clones are bare: no hook, submodule, LFS object or filter ever runs. Nothing is asked on a terminal.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use gix::{
    ThreadSafeRepository, bstr::BStr, credentials::helper::Action, protocol::transport::client::blocking_io::http, remote,
    url::Scheme,
};
use xxhash_rust::xxh3::xxh3_64;

use super::{Progress, SourceError, Step, folder, git};
use crate::config::{SourceConfig, without_credentials};

/// What is fetched: every branch and tag, under its own name.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// Who logs in where a source's configuration names a token and nobody.
const DEFAULT_USER: &str = "token";
/// The longest file of certificate authorities, in bytes.
const MOST_CA_BYTES: u64 = 8 << 20;

/// A remote and how it is reached.
pub(super) struct Remote {
    url: String,
    address: gix::Url,
    /// User and token.
    login: Option<(String, String)>,
    /// Certificate authorities to trust beside the system's.
    authorities: Vec<reqwest::Certificate>,
}

impl Remote {
    /// The remote at `url`, with the token and the authorities that `source` names.
    ///
    /// # Errors
    /// When the address is of a kind that is never fetched, the token's variable is not set, or the
    /// authorities cannot be read.
    pub(super) fn new(source: &SourceConfig, url: &str) -> Result<Remote, SourceError> {
        let address = check_address(url)?;
        let fail = |message: String| SourceError::Fetch { url: without_credentials(url), message };
        let login = match &source.token_env {
            None => None,
            Some(variable) => match std::env::var(variable) {
                Ok(token) if !token.trim().is_empty() => {
                    Some((source.user.clone().unwrap_or_else(|| DEFAULT_USER.to_owned()), token.trim().to_owned()))
                }
                _ => return Err(fail(format!("the environment variable {variable}, which token_env names, is not set"))),
            },
        };
        let authorities = match &source.ca_file {
            None => Vec::new(),
            Some(path) => {
                let named = |why: &dyn std::fmt::Display| fail(format!("ca_file {}: {why}", path.display()));
                let bytes = folder::read_bounded(path, MOST_CA_BYTES).map_err(|why| named(&why))?;
                let found = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|why| named(&why))?;
                if found.is_empty() {
                    return Err(named(&"it holds no certificate in PEM form"));
                }
                found
            }
        };
        Ok(Remote { url: url.to_owned(), address, login, authorities })
    }

    /// Options of the HTTP client, where the usual ones do not do.
    fn http_options(&self) -> Option<http::Options> {
        let authorities = self.authorities.clone();
        let configure = move |builder: reqwest::blocking::ClientBuilder| Ok(builder.tls_certs_merge(authorities.clone()));
        let backend = http::reqwest::Options { configure_client: Some(Box::new(configure)), configure_request: None };
        let options = http::Options { backend: Some(Arc::new(Mutex::new(backend))), ..http::Options::default() };
        (!self.authorities.is_empty()).then_some(options)
    }

    /// What is said when the remote asks who is there: nobody is asked, neither a person nor a program.
    fn answer_login(&self, action: &Action) -> gix::error::Result<Option<gix::credentials::protocol::Outcome>> {
        let (Action::Get(context), Some((user, token))) = (action, &self.login) else { return Ok(None) };
        let identity = gix::sec::identity::Account { username: user.clone(), password: token.clone(), oauth_refresh_token: None };
        Ok(Some(gix::credentials::protocol::Outcome { identity, next: context.clone().into() }))
    }
}

/// The folder of the clone of `remote` below `data`, up to date with it.
///
/// A remote that cannot be reached is an error even where an older clone exists.
pub(super) fn fetch_remote(remote: &Remote, data: &Path, progress: &dyn Progress) -> Result<PathBuf, SourceError> {
    progress.report(Step::Fetch, 0, 0);
    let clones = data.join("clones");
    fs::create_dir_all(&clones).map_err(|cause| SourceError::Unreadable { path: clones.clone(), cause })?;
    let folder = clones.join(format!("{:016x}.git", xxh3_64(remote.url.as_bytes())));
    if folder.join("HEAD").is_file() {
        update_clone(&folder, remote)?;
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
        .map_err(|error| failed(remote, &error))?;
        update_clone(&unfinished, remote)?;
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

fn update_clone(folder: &Path, from: &Remote) -> Result<(), SourceError> {
    let fail = |error: gix::Error| failed(from, &error);
    let repository = ThreadSafeRepository::open_opts(folder, fetch_options()).map_err(fail)?.to_thread_local();
    let remote = repository.remote_at(from.address.clone()).map_err(fail)?;
    let remote = remote.with_refspecs(REFSPECS, remote::Direction::Fetch).map_err(fail)?;
    let remote = remote.with_fetch_tags(remote::fetch::Tags::None);
    let mut connection = remote.connect(remote::Direction::Fetch).map_err(fail)?;
    if from.login.is_some() {
        connection.set_credentials(|action| from.answer_login(&action));
    }
    if let Some(options) = from.http_options() {
        connection.set_transport_options(Box::new(options));
    }
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
fn failed(remote: &Remote, error: &dyn std::error::Error) -> SourceError {
    let address = &remote.address;
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
    let configured = remote.login.as_ref().map(|(_, token)| token.as_str());
    for secret in address.password().filter(|password| !password.is_empty()).into_iter().chain(token).chain(configured) {
        message = message.replace(secret, "…");
    }
    if let Some(advice) = advise(remote, &message) {
        message.push_str(&advice);
    }
    SourceError::Fetch { url: without_credentials(&written), message }
}

/// What to do about a fetch that failed with `message`, where that is known.
fn advise(remote: &Remote, message: &str) -> Option<String> {
    let address = &remote.address;
    match address.scheme {
        Scheme::Http if message.contains("clear text") => Some("; use an https address for a remote with a password".to_owned()),
        Scheme::Http | Scheme::Https if message.contains("401") || message.contains("redentials") => Some(match &remote.login {
            Some((user, _)) => format!("; the server refuses the token of `{user}`"),
            None => "; the server asks for a login or refuses the one given: set token_env to the environment variable that \
                     holds a token or password, or write https://USER:PASSWORD@…"
                .to_owned(),
        }),
        Scheme::Https if message.to_lowercase().contains("certificate") => {
            Some("; set ca_file to the PEM file of the authority that signed the server's certificate".to_owned())
        }
        Scheme::Ssh => {
            let host = address.host().unwrap_or_default();
            let login = address.user().map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
            Some(format!("; `ssh {login}` has to work without a question, with a key and a known host"))
        }
        _ => None,
    }
}
