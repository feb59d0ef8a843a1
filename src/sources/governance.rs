//! `governance.yaml`: what people state of assets, kept in a repository.
//!
//! In: files of that name in any folder. Out: their texts. What they say is read where names are known.

use super::{Request, files::Files, reading::combine_key};
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
    let reader = files.place.reader();
    for entry in files.entries.iter().filter(|entry| may_govern(&entry.path) && wanted(&entry.path)) {
        let path = &entry.path;
        match reader.read(entry, &request.config.limits) {
            Ok(text) => {
                reading.files.insert(path.clone(), combine_key(settings, &["governance", &text.blob]));
                reading.bytes += text.text.len() as u64;
                reading.governance.push(GovernanceFile { path: path.clone(), text: text.text.to_string() });
            }
            Err(diagnostic) => reading.diagnostics.push((path.clone(), 0, diagnostic)),
        }
    }
    reading.governance.sort_by(|one, other| one.path.cmp(&other.path));
}
