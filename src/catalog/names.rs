//! Finds assets by any form of their names.

use rustc_hash::FxHashMap;

use crate::store::AssetRow;

/// Longest name that is looked up, in bytes.
const LONGEST_NAME: usize = 2_000;
/// Assets compared with a misspelled name.
const MOST_COMPARED: usize = 200_000;
/// How alike the last parts of names must be (Jaro–Winkler).
const ALIKE: f64 = 0.86;

/// The names of one run's assets, in lower case.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    whole: FxHashMap<String, Vec<u32>>,
    last: FxHashMap<String, Vec<u32>>,
}

/// A name as somebody pasted it, made plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PlainName {
    /// The namespace in front of it, where one of the known ones is.
    pub(super) namespace: Option<String>,
    /// Without quotes, dotted.
    pub(super) dotted: String,
}

impl NameIndex {
    pub(super) fn new(assets: &[AssetRow]) -> NameIndex {
        let mut index = NameIndex::default();
        for (at, asset) in assets.iter().enumerate() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            let lower = asset.name.to_lowercase();
            index.last.entry(last_part(&lower).to_owned()).or_default().push(at);
            let key = asset.key.to_lowercase();
            if key != lower {
                index.whole.entry(key).or_default().push(at);
            }
            index.whole.entry(lower).or_default().push(at);
        }
        index
    }

    /// Positions of assets called `dotted`, in any case.
    pub(super) fn called(&self, dotted: &str) -> &[u32] {
        self.whole.get(&dotted.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Positions of assets whose name ends with the parts of `dotted`, in any case.
    pub(super) fn ending_with(&self, assets: &[AssetRow], dotted: &str) -> Vec<u32> {
        let lower = dotted.to_lowercase();
        let mut found: Vec<u32> = self.last.get(last_part(&lower)).cloned().unwrap_or_default();
        found.retain(|at| assets.get(*at as usize).is_some_and(|asset| ends_with(&asset.name.to_lowercase(), &lower)));
        found
    }

    /// Positions of assets whose last part is spelled like that of `dotted`, the most alike first.
    pub(super) fn spelled_like(&self, dotted: &str, most: usize) -> Vec<u32> {
        let lower = dotted.to_lowercase();
        let wanted = last_part(&lower);
        let mut near: Vec<(f64, &String)> = self
            .last
            .keys()
            .take(MOST_COMPARED)
            .map(|name| (strsim::jaro_winkler(wanted, name), name))
            .filter(|(alike, _)| *alike >= ALIKE)
            .collect();
        near.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
        near.iter().flat_map(|(_, name)| self.last.get(*name).into_iter().flatten().copied()).take(most).collect()
    }
}

/// Makes a pasted name plain: quotes and brackets off, `project:dataset.table` and
/// `namespace/name` understood.
pub(super) fn plain_name<'a>(text: &str, namespaces: impl Iterator<Item = &'a str>) -> PlainName {
    let mut text = text.trim().trim_end_matches(';').trim();
    if text.len() > LONGEST_NAME {
        text = text.get(..LONGEST_NAME).unwrap_or("");
    }
    let namespace = namespaces
        .filter(|namespace| text.strip_prefix(*namespace).is_some_and(|rest| rest.starts_with('/')))
        .max_by_key(|namespace| namespace.len());
    if let Some(namespace) = namespace {
        text = text.get(namespace.len() + 1..).unwrap_or("");
    }
    let mut dotted: String = text
        .chars()
        .filter(|letter| !matches!(letter, '"' | '`' | '[' | ']' | '\''))
        .collect::<String>()
        .split('.')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(".");
    if let Some((project, rest)) = dotted.split_once(':')
        && !rest.starts_with("//")
        && !project.contains('.')
    {
        dotted = format!("{project}.{rest}");
    }
    PlainName { namespace: namespace.map(str::to_owned), dotted }
}

/// The part behind the last dot.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether the dotted name `whole` ends with the parts of `tail`.
fn ends_with(whole: &str, tail: &str) -> bool {
    whole.strip_suffix(tail).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{ends_with, plain_name};

    #[test]
    fn every_form_of_a_name_becomes_dotted() {
        let known = ["bigquery", "snowflake://acct"];
        let plain = |text: &str| plain_name(text, known.into_iter()).dotted;
        assert_eq!(plain("`proj-x`.`ds`.`t`;"), "proj-x.ds.t");
        assert_eq!(plain("proj-x:ds.t"), "proj-x.ds.t");
        assert_eq!(plain("[dbo].[Orders]"), "dbo.Orders");
        assert_eq!(plain("\"A\" . \"b\""), "A.b");
        assert_eq!(plain("bigquery/p.ds.t"), "p.ds.t");
        assert_eq!(plain_name("snowflake://acct/DB.S.T", known.into_iter()).namespace.as_deref(), Some("snowflake://acct"));
    }

    #[test]
    fn a_name_ends_with_whole_parts_only() {
        assert!(ends_with("p.ds.orders", "orders"));
        assert!(ends_with("p.ds.orders", "ds.orders"));
        assert!(!ends_with("p.ds.reorders", "orders"));
    }
}
