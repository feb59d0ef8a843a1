//! Finds what a source is and opens the state of it that is asked for.

use super::{
    At, Progress, Request, SourceError, fetch,
    files::Files,
    folder,
    git::{self, Opened},
};
use crate::model::Commit;

/// One state of a source, listed but not read.
pub(super) struct State {
    /// Its files.
    pub(super) files: Files,
    /// The commit; `None` without git, and in a repository without commits.
    pub(super) commit: Option<Commit>,
    /// The repository, where there is one.
    pub(super) opened: Option<Opened>,
    /// The address of the remote, where one is known.
    pub(super) remote: Option<String>,
}

/// Opens the state that `request` asks for, cloning or fetching a remote first.
pub(super) fn open_state(request: &Request<'_>, progress: &dyn Progress) -> Result<State, SourceError> {
    let place = request.source.place();
    let folder = match (&request.source.path, &request.source.url) {
        (Some(path), _) => path.clone(),
        (None, Some(url)) => fetch::fetch_remote(&fetch::Remote::new(request.source, url)?, request.data, progress)?,
        (None, None) => return Err(SourceError::Missing(std::path::PathBuf::new())),
    };
    if !folder.is_dir() {
        return Err(SourceError::Missing(folder));
    }
    let limits = &request.config.limits;
    let Some(opened) = git::open_repository(&folder)? else {
        let files = match &request.at {
            At::Tip => folder::list_folder(&folder, limits)?,
            At::DaysBefore(days) => return Err(SourceError::NoStateThatOld { place, days: *days }),
            At::Commit(id) => return Err(SourceError::UnknownReference { place, reference: id.clone() }),
        };
        return Ok(State { files, commit: None, opened: None, remote: None });
    };
    let repository = opened.repository.to_thread_local();
    let reference = request.source.reference.as_deref();
    let remote = request.source.url.clone().or_else(|| git::remote_address(&repository));
    let from_disk = opened.work_tree && reference.is_none() && request.at == At::Tip;
    let commit = git::resolve_reference(&repository, reference, &place)
        .and_then(|tip| git::choose_commit(&repository, tip, &request.at, &place));
    let (files, commit) = match commit {
        commit if from_disk => (folder::list_folder(&folder, limits)?, commit.ok()),
        Ok(commit) => (git::list_tree(&opened, &commit, &place, limits)?, Some(commit)),
        Err(error) => return Err(error),
    };
    Ok(State { files, commit, opened: Some(opened), remote })
}
