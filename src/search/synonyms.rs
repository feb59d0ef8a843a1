//! Words that mean the same: the trade's abbreviations, and what the user configured.

use std::collections::BTreeMap;

use super::tokens::{WordStemmer, cut_words};

/// Abbreviations that every company which counts people and money uses.
const OF_THE_TRADE: [&[&str]; 20] = [
    &["dau", "daily active users"],
    &["wau", "weekly active users"],
    &["mau", "monthly active users"],
    &["ltv", "lifetime value"],
    &["arpu", "average revenue per user"],
    &["mrr", "monthly recurring revenue"],
    &["arr", "annual recurring revenue"],
    &["gmv", "gross merchandise value"],
    &["cac", "customer acquisition cost"],
    &["ctr", "click through rate"],
    &["cpc", "cost per click"],
    &["kpi", "key performance indicator"],
    &["nps", "net promoter score"],
    &["fx", "exchange rate"],
    &["daily", "per day"],
    &["weekly", "per week"],
    &["monthly", "per month"],
    &["yearly", "per year", "annual"],
    &["cancel", "cancellation"],
    &["login", "sign in"],
];

/// Longest wording, in words.
const LONGEST: usize = 6;

/// Groups of wordings that mean the same.
#[derive(Clone, Debug, Default)]
pub struct Synonyms {
    /// By the stems of a wording, joined by blanks: the other wordings.
    others: BTreeMap<String, Vec<Vec<String>>>,
}

/// Another wording of some words of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wording {
    /// The first of the words it stands for.
    pub(super) from: usize,
    /// The first behind them.
    pub(super) to: usize,
    /// The other words.
    pub(super) words: Vec<String>,
}

impl Synonyms {
    /// The trade's wordings and `groups`: in each, every wording stands for every other.
    pub fn new(groups: &[Vec<String>]) -> Synonyms {
        let mut stemmer = WordStemmer::new();
        let mut others: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        let of_the_trade = OF_THE_TRADE.iter().map(|group| group.iter().map(|wording| (*wording).to_owned()).collect());
        for group in of_the_trade.chain(groups.iter().cloned()) {
            let group: Vec<String> = group;
            let cut = |wording: &String| cut_words(wording).into_iter().map(|piece| piece.text).take(LONGEST).collect::<Vec<_>>();
            let wordings: Vec<Vec<String>> = group.iter().map(cut).filter(|words| !words.is_empty()).collect();
            for wording in &wordings {
                let known = others.entry(key(&mut stemmer, wording)).or_default();
                known.extend(wordings.iter().filter(|other| *other != wording).cloned());
            }
        }
        Synonyms { others }
    }

    /// Other wordings of any run of `words`.
    pub(super) fn find(&self, stemmer: &mut WordStemmer, words: &[String]) -> Vec<Wording> {
        let mut found = Vec::new();
        for from in 0..words.len() {
            for to in from + 1..=words.len().min(from + LONGEST) {
                let Some(run) = words.get(from..to) else { continue };
                let others = self.others.get(&key(stemmer, run)).into_iter().flatten();
                found.extend(others.map(|words| Wording { from, to, words: words.clone() }));
            }
        }
        found
    }

    /// `name` (words joined by `_`) with one wording in the place of every other that means the same.
    pub fn fold(&self, name: &str) -> String {
        let mut stemmer = WordStemmer::new();
        let mut rest: Vec<String> = name.split('_').map(str::to_owned).collect();
        let mut folded: Vec<String> = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            let known = (1..=rest.len().min(LONGEST)).rev().find_map(|length| {
                let others = self.others.get(&key(&mut stemmer, &rest[..length]))?;
                let least = others.iter().min_by_key(|wording| (wording.len(), wording.concat()))?;
                Some((length, least.clone()))
            });
            match known {
                // The shortest wording stands for all; a wording that is the shortest itself stays.
                Some((length, least)) if (least.len(), least.concat()) < (length, rest[..length].concat()) => {
                    folded.extend(least);
                    rest.drain(..length);
                }
                _ => folded.push(rest.remove(0)),
            }
        }
        folded.join("_")
    }
}

fn key(stemmer: &mut WordStemmer, words: &[String]) -> String {
    let stems: Vec<String> = words.iter().map(|word| stemmer.stem(word)).collect();
    stems.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(synonyms: &Synonyms, text: &str) -> Vec<(usize, usize, String)> {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let found = synonyms.find(&mut WordStemmer::new(), &words);
        found.into_iter().map(|wording| (wording.from, wording.to, wording.words.join(" "))).collect()
    }

    #[test]
    fn a_name_is_folded_to_the_shortest_wording() {
        let synonyms = Synonyms::new(&[]);
        let fold = |name: &str| synonyms.fold(name);
        assert_eq!(
            (fold("daily_active_users"), fold("dau"), fold("churn_rate")),
            ("dau".into(), "dau".into(), "churn_rate".into())
        );
        assert_eq!(fold("client_level_daily_active_users_v1"), "client_level_dau_v1");
    }

    #[test]
    fn wordings_stand_for_each_other_in_any_form() {
        let synonyms = Synonyms::new(&[vec!["address bar".to_owned(), "urlbar".to_owned()]]);
        assert_eq!(find(&synonyms, "lifetime values of clients"), [(0, 2, "ltv".to_owned())]);
        assert_eq!(find(&synonyms, "dau"), [(0, 1, "daily active users".to_owned())]);
        assert_eq!(find(&synonyms, "the address bar"), [(1, 3, "urlbar".to_owned())]);
        assert_eq!(find(&synonyms, "bar"), []);
    }
}
