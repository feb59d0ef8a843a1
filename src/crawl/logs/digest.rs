//! A block of a log, digested: texts to shapes, users to askers, one small record a query.
//!
//! Runs on any thread. What it keeps of a text is its shape, so no literal leaves this file.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128};

use super::{
    aside::{Aside, hash_of},
    pieces::Assembled,
    sessions::{SessionPart, session_part},
};
use crate::{
    model::{Asker, Dialect, EntryKind, KeepUsers, LogEntry, LogSkip, NativeEdge},
    sources::query_log::{AskerRules, LogBlock, find_asker},
    sql,
    store::NewShape,
};

/// Longest text that is read, in bytes: a longer one is hardly written by hand.
const LONGEST_TEXT: usize = 4 << 20;

/// How a log is digested.
pub(super) struct Digester {
    pub(super) dialect: Dialect,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) users: KeepUsers,
    pub(super) secret: Vec<u8>,
    pub(super) rules: AskerRules,
    /// The time of entries that have none: that of the file.
    pub(super) file_time: i64,
    /// What other files say of the queries.
    pub(super) aside: Arc<Aside>,
}

/// What a block holds.
#[derive(Default)]
pub(super) struct Digested {
    pub(super) shapes: Vec<DigestedShape>,
    pub(super) askers: Vec<Asker>,
    pub(super) queries: Vec<Query>,
    pub(super) skips: Vec<(u64, LogSkip)>,
    pub(super) native: Vec<Stated>,
    pub(super) pieces: Vec<Piece>,
    /// (session, its client, when it began).
    pub(super) sessions: Vec<(u64, String, i64)>,
}

/// A piece of a text, as it was sent: nothing of it may be stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    pub(super) line: u64,
    pub(super) key: u64,
    pub(super) sequence: u32,
    /// Bytes of every piece but the last.
    pub(super) width: usize,
    pub(super) text: String,
    /// Where there is a history of queries, it tells of this one.
    pub(super) told_elsewhere: bool,
    pub(super) id: Option<String>,
    pub(super) at: Option<i64>,
    pub(super) milliseconds: Option<u64>,
    pub(super) user: Option<String>,
    pub(super) session: Option<String>,
    pub(super) tag: Option<String>,
}

/// A shape of a block.
pub(super) struct DigestedShape {
    pub(super) shape: NewShape,
    /// Hash of the relations that it names: queries of one family are tries of one thing.
    pub(super) family: u64,
    pub(super) part: SessionPart,
}

/// What the warehouse states of one query.
pub(super) struct Stated {
    pub(super) line: u64,
    /// Tells it from what is stated of others; 0: it has no number.
    pub(super) id: u64,
    pub(super) at: i64,
    /// The log has no text of the query beside it.
    pub(super) alone: bool,
    pub(super) edges: Vec<NativeEdge>,
}

/// One query.
pub(super) struct Query {
    pub(super) line: u64,
    /// Index into [`Digested::shapes`].
    pub(super) shape: u32,
    /// Index into [`Digested::askers`].
    pub(super) asker: u32,
    pub(super) at: i64,
    pub(super) milliseconds: u64,
    pub(super) bytes: u64,
    pub(super) runs: u64,
    pub(super) failed: bool,
    pub(super) repeats: bool,
    /// 0: none is known.
    pub(super) session: u64,
    /// 0: it has no number.
    pub(super) id: u64,
    pub(super) text: u64,
    pub(super) counter: Option<Box<str>>,
}

impl Digester {
    /// Digests one block.
    pub(super) fn digest(&self, block: &LogBlock) -> Digested {
        let mut work = Work::new(self);
        block.read(&mut |line, entry| match entry {
            Ok(entry) => work.take(line, &entry),
            Err(skip) => work.out.skips.push((line, skip)),
        });
        work.out
    }

    /// Digests texts that were put together from pieces.
    pub(super) fn digest_assembled(&self, assembled: Vec<Assembled>) -> Digested {
        let mut work = Work::new(self);
        for Assembled { whole, cut } in assembled {
            let owned = |text: Option<String>| text.map(Cow::Owned);
            let entry = LogEntry {
                id: owned(whole.id),
                text: Cow::Owned(whole.text),
                at: whole.at,
                milliseconds: whole.milliseconds,
                user: owned(whole.user),
                session: owned(whole.session),
                tag: owned(whole.tag),
                cut,
                ..LogEntry::default()
            };
            work.take(whole.line, &entry);
        }
        work.out
    }

    fn pseudonym(&self, name: String) -> Option<String> {
        self.users.name(&name, &self.secret)
    }
}

struct Work<'d> {
    digester: &'d Digester,
    out: Digested,
    shapes: HashMap<u128, u32>,
    /// What a text that came before became: exact repetitions are not read again.
    texts: FxHashMap<u64, (u32, Vec<std::ops::Range<usize>>)>,
    askers: HashMap<Asker, u32>,
    /// Who asked, by everything that says so.
    told: FxHashMap<u64, u32>,
}

impl<'d> Work<'d> {
    fn new(digester: &'d Digester) -> Work<'d> {
        Work {
            digester,
            out: Digested::default(),
            shapes: HashMap::new(),
            texts: FxHashMap::default(),
            askers: HashMap::new(),
            told: FxHashMap::default(),
        }
    }

    fn take(&mut self, line: u64, entry: &LogEntry<'_>) {
        let aside = self.digester.aside.clone();
        let at = entry.at.unwrap_or(self.digester.file_time);
        match &entry.kind {
            EntryKind::Query => {}
            EntryKind::Piece { .. } => return self.out.pieces.extend(piece(line, entry)),
            EntryKind::Session => {
                let of = entry.session.as_deref().zip(entry.tool.as_deref());
                return self.out.sessions.extend(of.map(|(session, tool)| (hash_of(session.trim()), tool.to_owned(), at)));
            }
        }
        if entry.cut {
            match aside.text(&entry.pieces) {
                Some(text) => return self.take(line, &LogEntry { text: Cow::Borrowed(text), cut: false, ..entry.clone() }),
                None => self.out.skips.push((line, LogSkip::Cut)),
            }
        }
        if entry.tool.is_none()
            && let Some(tool) = entry.session.as_deref().and_then(|session| aside.tool(session))
        {
            return self.take(line, &LogEntry { tool: Some(Cow::Borrowed(tool)), cut: false, ..entry.clone() });
        }
        let alone = entry.text.trim().is_empty();
        if !entry.native.is_empty() {
            // The history of queries has the same numbers.
            let id = entry.id.as_ref().map_or(0, |id| hash_of(&format!("native {id}")));
            self.out.native.push(Stated { line, id, at, alone, edges: entry.native.clone() });
        }
        if alone {
            return;
        }
        if entry.text.len() > LONGEST_TEXT {
            return self.out.skips.push((line, LogSkip::TooLong));
        }
        let text = xxh3_64(entry.text.as_bytes());
        let dialect = entry.dialect.map(Dialect::name);
        let place = [entry.database.as_deref(), entry.schema.as_deref(), entry.destination.as_deref(), dialect];
        let known = place.into_iter().fold(text, hash_with);
        let (shape, comments) = match self.texts.get(&known) {
            Some((shape, comments)) => (*shape, comments.clone()),
            None => {
                let found = self.find_shape(entry);
                self.texts.insert(known, found.clone());
                found
            }
        };
        let asker = self.find_asker(entry, &comments);
        let hash = |text: Option<&str>| text.map_or(0, hash_of);
        self.out.queries.push(Query {
            line,
            shape,
            asker,
            at,
            milliseconds: entry.milliseconds.unwrap_or(0),
            bytes: entry.bytes.unwrap_or(0),
            runs: entry.runs.max(u64::from(entry.counter.is_none())),
            failed: entry.failed,
            repeats: entry.repeats,
            session: hash(entry.session.as_deref()),
            id: hash(entry.id.as_deref()),
            text,
            counter: entry.counter.as_deref().map(Box::from),
        });
    }

    fn find_shape(&mut self, entry: &LogEntry<'_>) -> (u32, Vec<std::ops::Range<usize>>) {
        let digester = self.digester;
        let dialect = entry.dialect.unwrap_or(digester.dialect);
        let fingerprint = sql::fingerprint(&entry.text, dialect);
        let comments = fingerprint.comments.iter().map(|span| span.start as usize..span.end as usize).collect();
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let database = owned(&entry.database).or_else(|| digester.database.clone());
        let schema = owned(&entry.schema).or_else(|| digester.schema.clone());
        let destination = entry.destination.clone();
        let key = shape_key(&fingerprint.shape, dialect.name(), &[&database, &schema, &destination]);
        let next = self.out.shapes.len() as u32;
        let at = *self.shapes.entry(key).or_insert(next);
        if at == next {
            let text = fingerprint.shape;
            self.out.shapes.push(DigestedShape {
                family: family_of(&text),
                part: session_part(&text),
                shape: NewShape { key, text, dialect: dialect.name(), database, schema, destination, session: false },
            });
        }
        (at, comments)
    }

    fn find_asker(&mut self, entry: &LogEntry<'_>, comments: &[std::ops::Range<usize>]) -> u32 {
        let comments = || comments.iter().filter_map(|range| entry.text.get(range.clone()));
        let labels = entry.labels.iter().flat_map(|(key, value)| [key.as_str(), value]);
        let said = [entry.user.as_deref(), entry.tool.as_deref(), entry.tag.as_deref()];
        let said = said.into_iter().chain(labels.chain(comments()).map(Some)).fold(0, hash_with);
        if let Some(known) = self.told.get(&said) {
            return *known;
        }
        let asker = find_asker(entry, comments(), &self.digester.rules);
        let number = self.number_asker(asker);
        self.told.insert(said, number);
        number
    }

    fn number_asker(&mut self, asker: Asker) -> u32 {
        if let Some(known) = self.askers.get(&asker) {
            return *known;
        }
        let at = self.out.askers.len() as u32;
        let stored = Asker { person: asker.person.clone().and_then(|person| self.digester.pseudonym(person)), ..asker.clone() };
        self.out.askers.push(stored);
        self.askers.insert(asker, at);
        at
    }
}

/// What is kept of a piece until its text is whole.
fn piece(line: u64, entry: &LogEntry<'_>) -> Option<Piece> {
    let EntryKind::Piece { key, sequence, width, told_elsewhere } = &entry.kind else { return None };
    let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    Some(Piece {
        line,
        key: hash_of(key),
        sequence: *sequence,
        width: *width,
        text: entry.text.clone().into_owned(),
        told_elsewhere: *told_elsewhere,
        id: owned(&entry.id),
        at: entry.at,
        milliseconds: entry.milliseconds,
        user: owned(&entry.user),
        session: owned(&entry.session),
        tag: owned(&entry.tag),
    })
}

/// The hash of everything hashed so far and `part`.
fn hash_with(hash: u64, part: Option<&str>) -> u64 {
    part.map_or_else(|| xxh3_64_with_seed(&[0], hash), |part| xxh3_64_with_seed(part.as_bytes(), hash))
}

/// The key of a shape in its place.
pub(super) fn shape_key(text: &str, dialect: &str, place: &[&Option<String>]) -> u128 {
    let mut what = format!("{dialect}\0");
    for part in place {
        what.push_str(part.as_deref().unwrap_or("\u{1}"));
        what.push('\0');
    }
    what.push_str(text);
    xxh3_128(what.as_bytes())
}

/// A hash of the relations that stand behind FROM, JOIN, INTO and UPDATE.
fn family_of(shape: &str) -> u64 {
    let joined = shape.replace(" . ", ".");
    let words = joined.split(' ');
    let named: HashSet<&str> = words
        .clone()
        .zip(words.skip(1))
        .filter(|(before, after)| matches!(*before, "from" | "join" | "into" | "update") && !after.starts_with('('))
        .map(|(_, name)| name)
        .collect();
    let mut named: Vec<&str> = named.into_iter().collect();
    named.sort_unstable();
    match named.is_empty() {
        true => xxh3_64(shape.as_bytes()),
        false => xxh3_64(named.join(" ").as_bytes()),
    }
}
