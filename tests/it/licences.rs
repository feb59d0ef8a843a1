//! Every crate that is linked has a licence, a source and a name that `deny.toml` allows.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[test]
fn every_linked_crate_has_an_allowed_licence() {
    let allowed = denied_and_allowed().licences;
    let refused: Vec<String> = linked_packages()
        .into_iter()
        .filter(|package| package["source"].is_string())
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("");
            let accepted = Expression::parse(licence).is_some_and(|parsed| parsed.is_met_by(&allowed));
            (!accepted).then(|| format!("{} {}: {licence:?}", package["name"], package["version"]))
        })
        .collect();
    assert!(refused.is_empty(), "licences that deny.toml does not allow:\n{}", refused.join("\n"));
}

#[test]
fn every_linked_crate_comes_from_an_allowed_source_and_is_not_banned() {
    let lists = denied_and_allowed();
    for package in linked_packages() {
        let name = package["name"].as_str().unwrap_or("");
        assert!(!lists.banned.contains_key(name), "{name} is banned: {}", lists.banned[name]);
        if let Some(source) = package["source"].as_str() {
            let registry = source.strip_prefix("registry+").unwrap_or(source);
            assert!(lists.registries.contains(registry), "{name} comes from {source}");
        }
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned).into();
    let met = |text: &str| Expression::parse(text).map(|parsed| parsed.is_met_by(&allowed));
    assert_eq!(met("MIT"), Some(true));
    assert_eq!(met("GPL-3.0"), Some(false));
    assert_eq!(met("GPL-3.0 OR MIT"), Some(true));
    assert_eq!(met("GPL-3.0/MIT"), Some(true));
    assert_eq!(met("GPL-3.0 AND MIT"), Some(false));
    assert_eq!(met("ISC AND (GPL-3.0 OR MIT)"), Some(true));
    assert_eq!(met("MIT OR GPL-3.0 AND GPL-2.0"), Some(true), "AND binds tighter than OR");
    assert_eq!(met("(MIT OR GPL-3.0) AND GPL-2.0"), Some(false));
    assert_eq!(met("Apache-2.0 WITH LLVM-exception"), Some(true));
    assert_eq!(met("Apache-2.0"), Some(false));
    assert_eq!(met(""), None);
    assert_eq!(met("MIT OR"), None);
}

struct Lists {
    licences: BTreeSet<String>,
    banned: BTreeMap<String, String>,
    registries: BTreeSet<String>,
}

fn denied_and_allowed() -> Lists {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let deny: toml::Table = toml::from_str(&text).unwrap();
    let words = |value: &toml::Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let banned = deny["bans"]["deny"].as_array().unwrap().iter();
    Lists {
        licences: words(&deny["licenses"]["allow"]),
        banned: banned
            .map(|ban| (ban["crate"].as_str().unwrap().to_owned(), ban["reason"].as_str().unwrap().to_owned()))
            .collect(),
        registries: words(&deny["sources"]["allow-registry"]),
    }
}

/// The packages of Linux builds, as cargo has locked them; asks no network.
fn linked_packages() -> Vec<serde_json::Value> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array_mut().map(std::mem::take).unwrap_or_default();
    assert!(packages.len() > 50, "cargo metadata lists only {} packages", packages.len());
    packages
}

/// An SPDX licence expression, with the `/` of older manifests read as OR.
enum Expression {
    Licence(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    fn parse(text: &str) -> Option<Expression> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        let parsed = Self::parse_any(&mut rest)?;
        rest.is_empty().then_some(parsed)
    }

    fn is_met_by(&self, allowed: &BTreeSet<String>) -> bool {
        match self {
            Expression::Licence(name) => allowed.contains(name),
            Expression::All(parts) => parts.iter().all(|part| part.is_met_by(allowed)),
            Expression::Any(parts) => parts.iter().any(|part| part.is_met_by(allowed)),
        }
    }

    fn parse_any(words: &mut &[&str]) -> Option<Expression> {
        let mut parts = vec![Self::parse_all(words)?];
        while take(words, "OR") {
            parts.push(Self::parse_all(words)?);
        }
        Some(Expression::Any(parts))
    }

    fn parse_all(words: &mut &[&str]) -> Option<Expression> {
        let mut parts = vec![Self::parse_one(words)?];
        while take(words, "AND") {
            parts.push(Self::parse_one(words)?);
        }
        Some(Expression::All(parts))
    }

    fn parse_one(words: &mut &[&str]) -> Option<Expression> {
        let (first, rest) = words.split_first()?;
        *words = rest;
        match *first {
            "(" => {
                let inner = Self::parse_any(words)?;
                take(words, ")").then_some(inner)
            }
            ")" | "OR" | "AND" | "WITH" => None,
            licence if take(words, "WITH") => {
                let (exception, rest) = words.split_first()?;
                *words = rest;
                Some(Expression::Licence(format!("{licence} WITH {exception}")))
            }
            licence => Some(Expression::Licence(licence.to_owned())),
        }
    }
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}
