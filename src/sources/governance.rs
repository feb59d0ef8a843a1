//! `governance.yaml`: what people state of assets, kept in a repository.
//!
//! In: files of that name in any folder. Out: their texts. What they say is read where names are known.

use super::{Request, files::Files, reading::read_whole};
use crate::model::{GovernanceFile, Reading};

/// Whether a file may state things of assets.
pub(super) fn may_govern(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or("").to_lowercase();
    matches!(name.as_str(), "governance.yaml" | "governance.yml")
}

/// Reads every file of governance; there are few, so that none is ever skipped as known.
pub(super) fn read_governance(
    request: &Request<'_>,
    files: &Files,
    wanted: &dyn Fn(&str) -> bool,
    settings: &str,
    reading: &mut Reading,
) {
    let wanted = |path: &str| may_govern(path) && wanted(path);
    for (path, text) in read_whole(request, files, &wanted, [settings, "governance"], reading) {
        reading.governance.push(GovernanceFile { path, text });
    }
    reading.governance.sort_by(|one, other| one.path.cmp(&other.path));
}
