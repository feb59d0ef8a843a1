//! Names to assets: completed by layout, source and warehouse, else by a unique suffix, else external.

use std::collections::{HashMap, HashSet};

use super::input::{DocumentInput, SourceInput};
use crate::{
    config::NameRules,
    model::{AssetKey, Dialect, RelationName},
};

/// What a name means in one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) key: AssetKey,
    /// The name as it is shown when nothing declares it.
    pub(super) name: String,
    /// Completed by a unique suffix.
    pub(super) guessed: bool,
    /// Something in the catalog defines or declares it.
    pub(super) known: bool,
    /// As written it is the name of another environment, folded by a `[[names]]` rule.
    pub(super) copy: bool,
}

/// Where a name stands: what completes it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) dialect: Dialect,
    database: Option<&'a str>,
    schema: Option<&'a str>,
    /// Names that stand for assets outside of any warehouse.
    stand_ins: &'a [(String, RelationName)],
}

impl<'a> Place<'a> {
    /// Names that files beside the SQL use.
    pub(super) fn of_source(source: &'a SourceInput) -> Place<'a> {
        let warehouse = &source.warehouse;
        Place {
            namespace: &warehouse.name,
            dialect: warehouse.dialect,
            database: warehouse.database.as_deref(),
            schema: warehouse.schema.as_deref(),
            stand_ins: &[],
        }
    }

    /// Names in a document.
    pub(super) fn of_document(source: &'a SourceInput, document: &'a DocumentInput) -> Place<'a> {
        let outer = Place::of_source(source);
        let composed = document.composed.as_deref();
        Place {
            namespace: composed.and_then(|composed| composed.warehouse.as_deref()).unwrap_or(outer.namespace),
            dialect: document.dialect,
            database: document.defaults.0.as_deref().or(outer.database),
            schema: document.defaults.1.as_deref().or(outer.schema),
            stand_ins: composed.map_or(&[], |composed| &composed.stand_ins),
        }
    }

    /// What a change of would bind names elsewhere.
    pub(super) fn settings(&self) -> impl serde::Serialize + use<'a> {
        (self.namespace, self.dialect.name(), self.database, self.schema, self.stand_ins)
    }
}

/// Every name that the catalog defines or declares.
#[derive(Default)]
pub(super) struct Universe {
    rules: NameRules,
    /// Keys that mean another asset, with its name.
    same: HashMap<AssetKey, (AssetKey, String)>,
    keys: HashMap<String, HashSet<String>>,
    /// Namespace → last part → keys.
    by_last: HashMap<String, HashMap<String, Vec<String>>>,
}

impl Universe {
    pub(super) fn new(rules: NameRules) -> Universe {
        Universe { rules, ..Universe::default() }
    }

    /// Makes a defined or declared name known; `None` where a rule leaves it out.
    pub(super) fn define(&mut self, place: Place<'_>, name: &RelationName) -> Option<Bound> {
        let bound = self.complete(place, name)?;
        let AssetKey { namespace, key } = &bound.key;
        if self.keys.entry(namespace.clone()).or_default().insert(key.clone()) {
            let last = last_part(key).to_owned();
            self.by_last.entry(namespace.clone()).or_default().entry(last).or_default().push(key.clone());
        }
        Some(Bound { known: true, ..bound })
    }

    /// Makes `referred` mean what `built` is.
    pub(super) fn take_for_same(&mut self, place: Place<'_>, referred: &RelationName, built: &RelationName) {
        if let (Some(from), Some(to)) = (self.complete(place, referred), self.complete(place, built))
            && from.key != to.key
        {
            self.same.insert(from.key, (to.key, to.name));
        }
    }

    /// What `name` means at `place`; `None` where a rule leaves it out.
    pub(super) fn bind(&self, place: Place<'_>, name: &RelationName) -> Option<Bound> {
        let full = self.complete(place, name)?;
        if self.holds(&full.key) {
            return Some(Bound { known: true, ..full });
        }
        if outside(place, name).is_some() {
            return Some(full);
        }
        let (written, _) = self.judge(place, name.clone())?;
        let key = written.key(place.dialect);
        if written.parts.len() > 3 || key == full.key.key && written.parts.len() == 3 {
            return Some(full);
        }
        if let Some(key) = self.find_suffix(place.namespace, &key) {
            let guessed = *key != written.key(place.dialect);
            let key = AssetKey { namespace: place.namespace.to_owned(), key: key.to_owned() };
            return Some(Bound { name: key.key.clone(), key, guessed, known: true, copy: full.copy });
        }
        Some(full)
    }

    /// The other keys under which `name`, which means `key` at `place`, would stand if nothing completed
    /// or folded it: as it is written, and as it is completed.
    pub(super) fn other_keys(place: Place<'_>, name: &RelationName, key: &AssetKey) -> Vec<String> {
        let mut keys = vec![name.key(place.dialect), name.completed(place.database, place.schema).key(place.dialect)];
        keys.dedup();
        keys.retain(|other| *other != key.key);
        keys
    }

    /// The environment that the rules give the name of an asset; `None` for prod.
    pub(super) fn environment_of(&self, key: &AssetKey) -> Option<String> {
        if self.rules.is_empty() {
            return None;
        }
        let judgement = self.rules.judge(&key.namespace, &key.key);
        judgement.environment.filter(|_| judgement.replacement.is_none())
    }

    /// Keys of `namespace` that start with `prefix`, sorted: what a wildcard covers.
    pub(super) fn covered(&self, namespace: &str, prefix: &str) -> Vec<String> {
        let keys = self.keys.get(namespace).into_iter().flatten();
        let mut covered: Vec<String> = keys.filter(|key| key.starts_with(prefix) && !key.ends_with('*')).cloned().collect();
        covered.sort_unstable();
        covered
    }

    fn holds(&self, key: &AssetKey) -> bool {
        self.keys.get(&key.namespace).is_some_and(|keys| keys.contains(&key.key))
    }

    /// The one key that is `key` or ends with it after a dot.
    fn find_suffix(&self, namespace: &str, key: &str) -> Option<&str> {
        let candidates = self.by_last.get(namespace)?.get(last_part(key))?;
        if let Some(exact) = candidates.iter().find(|candidate| *candidate == key) {
            return Some(exact);
        }
        let ends = |candidate: &&String| candidate.strip_suffix(key).is_some_and(|outer| outer.ends_with('.'));
        let mut matches = candidates.iter().filter(ends);
        let first = matches.next()?;
        matches.next().is_none().then_some(first.as_str())
    }

    fn complete(&self, place: Place<'_>, name: &RelationName) -> Option<Bound> {
        if let Some((namespace, key)) = outside(place, name) {
            let key = AssetKey { namespace: namespace.to_owned(), key: key.to_owned() };
            return Some(Bound { name: key.key.clone(), key, guessed: false, known: false, copy: false });
        }
        let (full, copy) = self.judge(place, name.completed(place.database, place.schema))?;
        let key = AssetKey { namespace: place.namespace.to_owned(), key: full.key(place.dialect) };
        if let Some((key, name)) = self.same.get(&key).cloned() {
            return Some(Bound { key, name, guessed: false, known: false, copy });
        }
        Some(Bound { key, name: full.to_string(), guessed: false, known: false, copy })
    }

    /// The name as the rules have it, and whether they folded it out of another environment.
    fn judge(&self, place: Place<'_>, name: RelationName) -> Option<(RelationName, bool)> {
        if self.rules.is_empty() {
            return Some((name, false));
        }
        let judgement = self.rules.judge(place.namespace, &name.to_string());
        match judgement.replacement {
            _ if judgement.ignored => None,
            Some(replacement) => Some((RelationName::from_dotted(&replacement), judgement.environment.is_some())),
            None => Some((name, false)),
        }
    }
}

/// Namespace and key, where a name means something outside of any warehouse.
fn outside<'n>(place: Place<'n>, name: &'n RelationName) -> Option<(&'n str, &'n str)> {
    if let [only] = name.parts.as_slice()
        && let Some((_, meant)) = place.stand_ins.iter().find(|(stand_in, _)| stand_in.eq_ignore_ascii_case(&only.text))
    {
        return meant.as_outside();
    }
    name.as_outside()
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
