//! What `[[names]]` rules make of a name.

use super::{Config, NameRule, Pattern, PatternError};

/// The `[[names]]` rules, ready to judge names.
#[derive(Clone, Debug, Default)]
pub struct NameRules {
    rules: Vec<(Pattern, NameRule)>,
}

/// What the rules make of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The name to put in its place.
    pub replacement: Option<String>,
    /// The environment it belongs to; `None` for `prod`.
    pub environment: Option<String>,
    /// It is to be left out.
    pub ignored: bool,
}

impl NameRules {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the first rule that matches makes of the dotted `name` in `warehouse`.
    pub fn judge(&self, warehouse: &str, name: &str) -> Judgement {
        for (pattern, rule) in &self.rules {
            if rule.warehouse.as_deref().is_some_and(|only| only != warehouse) {
                continue;
            }
            let Some(captured) = pattern.capture(name) else { continue };
            let replacement = rule.replacement.as_ref().map(|template| {
                let fill = |text: String, (word, run): &(&str, &str)| text.replace(&format!("{{{word}}}"), run);
                captured.iter().fold(template.clone(), fill)
            });
            return Judgement { replacement, environment: rule.environment.clone(), ignored: rule.ignore };
        }
        Judgement::default()
    }
}

impl Config {
    /// The `[[names]]` rules, compiled.
    pub fn name_rules(&self) -> Result<NameRules, PatternError> {
        let compile = |rule: &NameRule| Ok((Pattern::of_names(&rule.pattern)?, rule.clone()));
        Ok(NameRules { rules: self.names.iter().map(compile).collect::<Result<_, PatternError>>()? })
    }
}
