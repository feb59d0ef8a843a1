//! One walk over the history: the last change of every file, and who changed it how often.

use std::collections::{BTreeMap, VecDeque};

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice, ByteVec},
    diff::tree::{Visit, visit},
    objs::TreeRefIter,
    revision::walk::Sorting,
    traverse::commit::simple::CommitTimeOrder,
};
use rustc_hash::FxHashMap;

use super::{Progress, Step};
use crate::model::{Change, Contributor};

/// What to walk over.
pub(super) struct Walk<'a> {
    /// The newest commit.
    pub(super) tip: ObjectId,
    /// A commit whose history is known.
    pub(super) since: Option<ObjectId>,
    /// Most commits, newest first.
    pub(super) max_commits: u32,
    /// The folder inside the repository that paths are relative to.
    pub(super) prefix: &'a str,
    /// The files that matter.
    pub(super) paths: &'a [&'a str],
    /// Names and addresses that make no contributor; `*` is any run.
    pub(super) bots: &'a [String],
}

/// What the walk found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct History {
    /// By path.
    pub(super) last_changes: BTreeMap<String, Change>,
    /// By path, most commits first.
    pub(super) contributors: Vec<Contributor>,
    /// The commit whose history is left out.
    pub(super) since: Option<String>,
}

/// Walks from the tip, newest commit first; merges are left out, since their changes stand in what they merge.
///
/// A commit that cannot be read ends the walk there: shallow clones end so.
pub(super) fn walk_history(repository: &Repository, walk: &Walk<'_>, progress: &dyn Progress) -> History {
    let since = walk.since.filter(|since| {
        *since == walk.tip
            || repository.merge_base(walk.tip, *since).is_ok_and(|base| base.is_some_and(|base| base.detach() == *since))
    });
    let mut history = History { since: since.map(|since| since.to_string()), ..History::default() };
    if since == Some(walk.tip) || walk.max_commits == 0 || walk.paths.is_empty() {
        return history;
    }
    let sorted = repository.rev_walk([walk.tip]).sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst));
    let Ok(commits) = sorted.with_hidden(since).all() else { return history };
    let mailmap = read_mailmap(repository, walk.tip);
    let mut people = People { known: FxHashMap::default(), list: Vec::new(), bots: walk.bots };
    let mut differ = Differ::new(walk);
    let mut changed: Vec<Option<Change>> = vec![None; walk.paths.len()];
    let mut counts: FxHashMap<(u32, u32), (u32, i64)> = FxHashMap::default();
    for (done, info) in commits.take(walk.max_commits as usize).enumerate() {
        if done % 1_000 == 0 {
            progress.report(Step::History, done as u64, 0);
        }
        let Ok(info) = info else { break };
        if info.parent_ids.len() > 1 {
            continue;
        }
        let Ok(commit) = info.object() else { break };
        let parent = info.parent_ids.first().copied();
        if !differ.compare(repository, parent, commit.tree_id().map(|id| id.detach()).ok()) {
            continue;
        }
        let Ok(author) = commit.author() else { continue };
        let time = commit.time().map_or(0, |time| time.seconds);
        let person = people.recognise(&mailmap.resolve_cow(author));
        for path in differ.touched.drain(..) {
            if let Some(slot @ None) = changed.get_mut(path as usize) {
                *slot = Some(describe_change(&commit, &people.list[person as usize], time));
            }
            if !people.list[person as usize].is_bot {
                let count = counts.entry((path, person)).or_insert((0, time));
                count.0 += 1;
                count.1 = count.1.max(time);
            }
        }
    }
    for (path, change) in walk.paths.iter().zip(changed) {
        if let Some(change) = change {
            history.last_changes.insert((*path).to_owned(), change);
        }
    }
    history.contributors = list_contributors(walk, &people, counts);
    history
}

fn list_contributors(walk: &Walk<'_>, people: &People<'_>, counts: FxHashMap<(u32, u32), (u32, i64)>) -> Vec<Contributor> {
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by(|((path, person), (commits, last)), ((other_path, other_person), (other_commits, other_last))| {
        let email = |person: u32| people.list.get(person as usize).map_or("", |found| found.email.as_str());
        (path, other_commits, other_last, email(*person)).cmp(&(other_path, commits, last, email(*other_person)))
    });
    let describe = |((path, person), (commits, last)): ((u32, u32), (u32, i64))| {
        let person = people.list.get(person as usize)?;
        let path = (*walk.paths.get(path as usize)?).to_owned();
        Some(Contributor { path, author: person.name.clone(), email: person.email.clone(), commits, last })
    };
    rows.into_iter().filter_map(describe).collect()
}

fn describe_change(commit: &gix::Commit<'_>, person: &Person, time: i64) -> Change {
    let summary = commit.message().map_or_else(|_| String::new(), |message| message.summary().to_str_lossy().into_owned());
    Change { commit: commit.id.to_string(), author: person.name.clone(), email: person.email.clone(), time, summary }
}

/// The `.mailmap` of the commit read, whatever the work tree holds.
fn read_mailmap(repository: &Repository, tip: ObjectId) -> gix::mailmap::Snapshot {
    let find = || -> Option<Vec<u8>> {
        let tree = repository.find_commit(tip).ok()?.tree().ok()?;
        let id = tree
            .iter()
            .filter_map(Result::ok)
            .find(|entry| entry.filename() == ".mailmap" && entry.mode().is_blob())?
            .object_id();
        super::git::blob_size(repository, id).ok().filter(|size| *size <= 1 << 20)?;
        super::git::read_blob(repository, id).ok()
    };
    find().map(|bytes| gix::mailmap::Snapshot::from_bytes(&bytes)).unwrap_or_default()
}

/// Somebody who commits; an address identifies a person, the newest name is theirs.
struct Person {
    name: String,
    email: String,
    is_bot: bool,
}

struct People<'a> {
    known: FxHashMap<String, u32>,
    list: Vec<Person>,
    bots: &'a [String],
}

impl People<'_> {
    fn recognise(&mut self, signature: &gix::mailmap::snapshot::Signature<'_>) -> u32 {
        let email = signature.email.to_str_lossy().trim().to_owned();
        let name = signature.name.to_str_lossy().trim().to_owned();
        let key = if email.is_empty() { name.to_lowercase() } else { email.to_lowercase() };
        if let Some(index) = self.known.get(&key) {
            return *index;
        }
        let is_bot = self.bots.iter().any(|pattern| matches_wildcard(pattern, &name) || matches_wildcard(pattern, &email));
        let index = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(Person { name, email, is_bot });
        self.known.insert(key, index);
        index
    }
}

/// Whether all of `text` matches `pattern`, in which `*` is any run, in any case.
pub(super) fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Finds which of the files that matter a commit touched, reusing every buffer.
struct Differ {
    paths: FxHashMap<BString, u32>,
    state: gix::diff::tree::State,
    old: Vec<u8>,
    new: Vec<u8>,
    path: BString,
    queue: VecDeque<BString>,
    touched: Vec<u32>,
}

impl Differ {
    fn new(walk: &Walk<'_>) -> Differ {
        let prefix = if walk.prefix.is_empty() { String::new() } else { format!("{}/", walk.prefix) };
        let indexed = walk.paths.iter().zip(0..).map(|(path, index)| (BString::from(format!("{prefix}{path}")), index));
        Differ {
            paths: indexed.collect(),
            state: gix::diff::tree::State::default(),
            old: Vec::new(),
            new: Vec::new(),
            path: BString::default(),
            queue: VecDeque::new(),
            touched: Vec::new(),
        }
    }

    /// Fills `touched`; false where nothing that matters was touched or the trees cannot be read.
    fn compare(&mut self, repository: &Repository, parent: Option<ObjectId>, tree: Option<ObjectId>) -> bool {
        use gix::objs::FindExt;
        let objects = &repository.objects;
        self.touched.clear();
        self.path.clear();
        self.queue.clear();
        let Some(tree) = tree else { return false };
        let old_tree = match parent {
            Some(parent) => match objects.find_commit(&parent, &mut self.old).map(|commit| commit.tree()) {
                Ok(id) => Some(id),
                Err(_) => return false,
            },
            None => None,
        };
        if old_tree == Some(tree) {
            return false;
        }
        let (mut old, mut new) = (std::mem::take(&mut self.old), std::mem::take(&mut self.new));
        let mut state = std::mem::take(&mut self.state);
        let old_iter = match old_tree {
            Some(id) => objects.find_tree_iter(&id, &mut old).ok(),
            None => Some(TreeRefIter::from_bytes(&[], gix::hash::Kind::Sha1)),
        };
        if let (Some(old_iter), Ok(new_iter)) = (old_iter, objects.find_tree_iter(&tree, &mut new)) {
            // Trees that cannot be read end the comparison; what was found until then holds.
            let compared = gix::diff::tree(old_iter, new_iter, &mut state, objects, self);
            drop(compared);
        }
        (self.old, self.new, self.state) = (old, new, state);
        !self.touched.is_empty()
    }

    fn push(&mut self, name: &BStr) {
        if name.is_empty() {
            return;
        }
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.push_str(name);
    }
}

impl Visit for Differ {
    fn pop_front_tracked_path_and_set_current(&mut self) {
        self.path = self.queue.pop_front().unwrap_or_default();
    }

    fn push_back_tracked_path_component(&mut self, component: &BStr) {
        self.push(component);
        self.queue.push_back(self.path.clone());
    }

    fn push_path_component(&mut self, component: &BStr) {
        self.push(component);
    }

    fn pop_path_component(&mut self) {
        let end = self.path.rfind_byte(b'/').unwrap_or(0);
        self.path.truncate(end);
    }

    fn visit(&mut self, change: visit::Change) -> visit::Action {
        let touches = match change {
            visit::Change::Addition { entry_mode, .. } => !entry_mode.is_tree(),
            visit::Change::Modification { entry_mode, .. } => !entry_mode.is_tree(),
            // What is gone cannot be among the files that matter at the tip unless it came back later.
            visit::Change::Deletion { .. } => false,
        };
        if touches && let Some(index) = self.paths.get(&self.path) {
            self.touched.push(*index);
        }
        visit::Action::Continue(())
    }
}
