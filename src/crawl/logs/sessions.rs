//! Statements of a session that belong together: what is made of temporary tables, and what is
//! renamed into its place.
//!
//! In: shapes in the order in which sessions ran them. Out: the scripts that they amount to, which
//! are read like any other script, so that temporary tables are composed away.

use std::collections::{HashMap, VecDeque};

/// Most sessions that are followed at once.
const SESSIONS: usize = 10_000;
/// Most statements of a session that are kept, and bytes of them.
const STATEMENTS: usize = 200;
const BYTES: usize = 256 << 10;
/// Statements that are remembered in case their result is renamed.
const RECENT: usize = 20;
/// Characters of a statement that say what it does.
const HEAD: usize = 400;

/// What a shape does to the tables of its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionPart {
    /// A temporary table that it makes.
    pub(super) temporary: Option<String>,
    /// A table that it renames or swaps.
    pub(super) renames: Option<String>,
    /// A table that it makes or fills.
    pub(super) writes: Option<String>,
}

/// What a shape, whose words are parted by blanks and in lower case, does to tables of its session.
pub(super) fn session_part(shape: &str) -> SessionPart {
    let end = shape.char_indices().nth(HEAD).map_or(shape.len(), |(at, _)| at);
    let head = shape[..end].replace(" . ", ".");
    let mut words = head.split(' ').take(16).peekable();
    let mut part = SessionPart::default();
    match words.next() {
        Some("create") => {
            let mut temporary = false;
            while let Some(word) = words.next_if(|word| *word != "table" && *word != "view") {
                temporary |= matches!(word, "temp" | "temporary" | "volatile");
                if !matches!(word, "or" | "replace" | "local" | "global" | "multiset" | "set" | "transient" | "unlogged")
                    && !temporary
                {
                    return part;
                }
            }
            words.next();
            while words.next_if(|word| matches!(*word, "if" | "not" | "exists")).is_some() {}
            let name = words.next().map(tidy);
            if temporary || name.as_ref().is_some_and(|name| name.starts_with('#')) {
                part.temporary = name;
            } else {
                part.writes = name;
            }
        }
        Some("insert") => {
            while words.next_if(|word| matches!(*word, "into" | "overwrite" | "table")).is_some() {}
            part.writes = words.next().map(tidy);
        }
        Some("alter") if words.next_if_eq(&"table").is_some() => {
            while words.next_if(|word| matches!(*word, "if" | "exists" | "only")).is_some() {}
            let name = words.next().map(tidy);
            if matches!(words.next(), Some("rename" | "swap")) {
                part.renames = name;
            }
        }
        Some("select") => {
            let into = shape.find(" into #").and_then(|at| shape[at..].split(' ').nth(2));
            part.temporary = into.map(tidy);
        }
        _ => {}
    }
    part
}

/// A name without what touches it.
fn tidy(word: &str) -> String {
    word.trim_end_matches(['(', ';']).to_owned()
}

/// The last part of a dotted name, without quotes.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name).trim_matches(['"', '`', '[', ']'])
}

/// Whether `shape` names `table`.
fn mentions(shape: &str, table: &str) -> bool {
    let last = last_part(table);
    !last.is_empty()
        && shape.match_indices(last).any(|(at, _)| {
            let joins = |letter: char| letter.is_alphanumeric() || letter == '_';
            !shape[..at].ends_with(joins) && !shape[at + last.len()..].starts_with(joins)
        })
}

/// One statement as a session ran it.
pub(super) struct Ran<'s> {
    pub(super) shape: u32,
    pub(super) text: &'s str,
    pub(super) part: &'s SessionPart,
    pub(super) asker: u32,
    pub(super) at: i64,
    pub(super) milliseconds: u64,
    pub(super) bytes: u64,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It stands alone.
    Alone,
    /// It belongs to its session's script.
    Stitched,
}

/// The script of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionScript {
    pub(super) text: String,
    /// The shape that it took its dialect and place from.
    pub(super) like: u32,
    pub(super) asker: u32,
    pub(super) at: i64,
    pub(super) milliseconds: u64,
    pub(super) bytes: u64,
    /// Shapes that stood alone before, and whose result was renamed.
    pub(super) staged: Vec<u32>,
}

#[derive(Default)]
struct Session {
    temporary: Vec<String>,
    recent: VecDeque<(u32, String, String)>,
    statements: usize,
    script: SessionScript,
    order: u64,
}

/// Sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashMap<u64, Session>,
    order: u64,
    done: Vec<SessionScript>,
}

impl Sessions {
    /// A session ran a statement, without an error.
    pub(super) fn run(&mut self, session: u64, ran: &Ran<'_>) -> Place {
        let starts = ran.part.temporary.is_some() || ran.part.renames.is_some() || ran.part.writes.is_some();
        if !starts && !self.open.contains_key(&session) {
            return Place::Alone;
        }
        self.make_room();
        self.order += 1;
        let order = self.order;
        let open = self.open.entry(session).or_default();
        open.order = order;
        if let Some(temporary) = &ran.part.temporary {
            open.temporary.push(temporary.clone());
            open.add(ran.text, ran);
            return Place::Stitched;
        }
        if let Some(renamed) = &ran.part.renames {
            let before: Vec<_> =
                open.recent.iter().filter(|(_, _, written)| last_part(written) == last_part(renamed)).cloned().collect();
            for (shape, text, _) in before {
                open.add(&text, ran);
                open.script.staged.push(shape);
            }
            if open.statements > 0 {
                open.add(ran.text, ran);
                return Place::Stitched;
            }
            return Place::Alone;
        }
        if open.temporary.iter().any(|table| mentions(ran.text, table)) {
            open.add(ran.text, ran);
            return Place::Stitched;
        }
        if let Some(written) = &ran.part.writes {
            if open.recent.len() == RECENT {
                open.recent.pop_front();
            }
            if ran.text.len() <= BYTES / 4 {
                open.recent.push_back((ran.shape, ran.text.to_owned(), written.clone()));
            }
        }
        Place::Alone
    }

    /// Ends every session; their scripts come back with those that ended before.
    pub(super) fn end(&mut self) -> Vec<SessionScript> {
        let mut open: Vec<Session> = self.open.drain().map(|(_, session)| session).collect();
        open.sort_unstable_by_key(|session| session.order);
        for session in open {
            self.done.extend(session.into_script());
        }
        self.take_done()
    }

    /// Scripts of sessions that ended.
    pub(super) fn take_done(&mut self) -> Vec<SessionScript> {
        std::mem::take(&mut self.done)
    }

    fn make_room(&mut self) {
        if self.open.len() < SESSIONS {
            return;
        }
        let mut orders: Vec<(u64, u64)> = self.open.iter().map(|(id, session)| (session.order, *id)).collect();
        orders.sort_unstable();
        for (_, id) in orders.into_iter().take(SESSIONS / 4) {
            self.done.extend(self.open.remove(&id).and_then(Session::into_script));
        }
    }
}

impl Session {
    fn add(&mut self, text: &str, ran: &Ran<'_>) {
        if self.statements == 0 {
            self.script.like = ran.shape;
            self.script.asker = ran.asker;
        }
        self.script.at = ran.at;
        self.script.milliseconds += ran.milliseconds;
        self.script.bytes += ran.bytes;
        if self.statements < STATEMENTS && self.script.text.len() + text.len() < BYTES {
            self.script.text.push_str(text.trim_end_matches([';', ' ']));
            self.script.text.push_str(";\n");
            self.statements += 1;
        }
    }

    fn into_script(self) -> Option<SessionScript> {
        (self.statements > 0).then_some(self.script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of(shape: &str) -> (Option<String>, Option<String>, Option<String>) {
        let SessionPart { temporary, renames, writes } = session_part(shape);
        (temporary, renames, writes)
    }

    #[test]
    fn statements_that_concern_a_session_are_told_by_their_first_words() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(part_of("create temp table x as select ?"), (some("x"), None, None));
        assert_eq!(part_of("create or replace temporary table a . b as select ?").0, some("a.b"));
        assert_eq!(part_of("create local temporary view if not exists v as select ?").0, some("v"));
        assert_eq!(part_of("create table #t ( a int )").0, some("#t"));
        assert_eq!(part_of("alter table x_new rename to x"), (None, some("x_new"), None));
        assert_eq!(part_of("insert into t select ?"), (None, None, some("t")));
        assert_eq!(part_of("create table t as select ?"), (None, None, some("t")));
        assert_eq!(part_of("select a from t"), (None, None, None));
        assert_eq!(part_of("create function f ( ) as ?"), (None, None, None));
    }

    #[test]
    fn what_names_a_temporary_table_belongs_to_its_session() {
        let mut sessions = Sessions::default();
        let mut run = |session: u64, text: &str| {
            let part = session_part(text);
            sessions.run(session, &Ran { shape: 0, text, part: &part, asker: 0, at: 1, milliseconds: 1, bytes: 1 })
        };
        assert_eq!(run(1, "create temp table paid as select * from orders"), Place::Stitched);
        assert_eq!(run(2, "insert into totals select * from paid"), Place::Alone);
        assert_eq!(run(1, "select ? from unpaid"), Place::Alone);
        assert_eq!(run(1, "insert into totals select sum ( amount ) from paid"), Place::Stitched);
        let scripts = sessions.end();
        assert_eq!(scripts.len(), 1);
        let text = "create temp table paid as select * from orders;\ninsert into totals select sum ( amount ) from paid;\n";
        assert_eq!(scripts[0].text, text);
    }
}
