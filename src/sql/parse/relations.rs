//! Table-level reading: what a statement that cannot be parsed reads and writes, from its tokens.

use sqlparser::keywords::Keyword as K;

use super::Reader;
use crate::{
    model::RelationName,
    sql::lexer::{Kind, Token},
};

impl Reader<'_> {
    /// Relations read and written: names after FROM, JOIN, INTO and their like, CTEs left out.
    pub(super) fn relations(&self, tokens: &[Token]) -> (Vec<RelationName>, Vec<RelationName>) {
        let ctes = self.cte_names(tokens);
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        let mut from_list = false;
        for (at, token) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).map_or(K::NoKeyword, |before| tokens[before].keyword());
            let next = at + 1;
            match token.keyword() {
                K::FROM if !self.in_call(tokens, at) && !matches!(before, K::DISTINCT) => {
                    from_list = true;
                    self.add(tokens, next, &ctes, &mut reads);
                }
                K::JOIN => self.add(tokens, next, &ctes, &mut reads),
                K::USING if tokens[0].keyword() == K::MERGE => self.add(tokens, next, &ctes, &mut reads),
                K::INTO | K::OVERWRITE => self.add(tokens, self.past_noise(tokens, next), &ctes, &mut writes),
                K::UPDATE | K::MERGE if at == 0 => self.add(tokens, self.past_noise(tokens, next), &ctes, &mut writes),
                K::TABLE | K::VIEW if tokens[0].keyword() == K::CREATE && at < 6 => {
                    self.add(tokens, self.past_noise(tokens, next), &ctes, &mut writes);
                }
                K::WHERE | K::GROUP | K::ORDER | K::SELECT | K::HAVING | K::SET | K::ON | K::VALUES => from_list = false,
                _ if from_list && token.kind == Kind::Comma => self.add(tokens, next, &ctes, &mut reads),
                _ => {}
            }
        }
        for names in [&mut reads, &mut writes] {
            names.sort();
            names.dedup();
        }
        (reads, writes)
    }

    /// Adds the name at `at`, unless it is a CTE, a function or no name.
    fn add(&self, tokens: &[Token], at: usize, ctes: &[String], names: &mut Vec<RelationName>) {
        let reserved = tokens.get(at).is_none_or(|token| match token.kind {
            Kind::Word(keyword) => {
                let dotted = tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Period);
                !dotted
                    && matches!(keyword, K::SELECT | K::UNNEST | K::LATERAL | K::VALUES | K::TABLE | K::ONLY | K::SET | K::FROM)
            }
            Kind::Quoted => false,
            _ => true,
        });
        if reserved {
            return;
        }
        let Some((name, after)) = self.name(tokens, at) else { return };
        let writes_columns =
            at > 0 && matches!(tokens[at - 1].keyword(), K::INTO | K::TABLE | K::VIEW | K::OVERWRITE | K::EXISTS);
        let called = tokens.get(after).is_some_and(|next| next.kind == Kind::LeftParen) && !writes_columns;
        let is_cte = name.parts.len() == 1 && ctes.iter().any(|cte| cte.eq_ignore_ascii_case(name.last()));
        if !called && !is_cte {
            names.push(name);
        }
    }

    fn past_noise(&self, tokens: &[Token], mut at: usize) -> usize {
        while tokens.get(at).is_some_and(|token| {
            matches!(token.keyword(), K::TABLE | K::INTO | K::IF | K::NOT | K::EXISTS | K::ONLY)
                && tokens.get(at + 1).is_some_and(|next| next.kind != Kind::Period)
        }) {
            at += 1;
        }
        at
    }

    /// Names defined by `name AS (`, `name (…) AS (`.
    fn cte_names(&self, tokens: &[Token]) -> Vec<String> {
        if !tokens.iter().any(|token| token.keyword() == K::WITH) {
            return Vec::new();
        }
        let mut names: Vec<String> = tokens
            .windows(3)
            .filter(|three| {
                three[1].keyword() == K::AS && matches!(three[2].kind, Kind::LeftParen | Kind::Word(K::MATERIALIZED | K::NOT))
            })
            .filter_map(|three| match three[0].kind {
                Kind::Word(_) | Kind::Quoted => Some(crate::sql::tokens::content(three[0].of(self.text), self.options.dialect)),
                _ => None,
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether the FROM at `at` belongs to `EXTRACT(x FROM y)`, `TRIM(x FROM y)` or their like.
    fn in_call(&self, tokens: &[Token], at: usize) -> bool {
        const NEAR: usize = 6;
        let mut open = at;
        for step in (at.saturating_sub(NEAR)..at).rev() {
            match tokens[step].kind {
                Kind::LeftParen => {
                    open = step;
                    break;
                }
                Kind::RightParen | Kind::Word(K::SELECT) => return false,
                _ => {}
            }
        }
        open > 0
            && open < at
            && ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY", "POSITION"]
                .iter()
                .any(|name| tokens[open - 1].is_word(self.text, name))
    }
}
