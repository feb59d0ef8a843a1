//! Who asks: a name, a role, and how far the key reaches that they came with.

use serde::{Deserialize, Serialize};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything, remarks on everything, states what concerns assets they own.
    Viewer,
    /// States things about every asset.
    Editor,
    /// Manages people and crawls as well.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Editor, Role::Admin];

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }

    /// The role that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// How far a key reaches, whatever the role of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Feeds alone: it may stand in an address.
    Feed,
    /// Reading.
    Read,
    /// Stating things as well.
    Write,
    /// Everything that the role allows.
    Admin,
}

impl Scope {
    /// Every scope, the least first.
    pub const ALL: [Scope; 4] = [Scope::Feed, Scope::Read, Scope::Write, Scope::Admin];

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Feed => "feed",
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    /// The scope that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// Somebody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name that statements carry.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How far the key reaches that they came with.
    pub scope: Scope,
    /// Names of owners that they stand for, teams among them.
    pub also: Vec<String>,
}

impl Actor {
    /// Whether they may do what takes `role` and `scope`.
    pub fn may(&self, role: Role, scope: Scope) -> bool {
        self.role >= role && self.scope >= scope
    }

    /// Whether the owner called `name`, in any case, is this one or one they stand for.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.name.to_lowercase() == name || self.also.iter().any(|also| also.to_lowercase() == name)
    }
}
