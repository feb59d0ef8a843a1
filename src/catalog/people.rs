//! People who sign in: accounts, sessions, tokens.
//!
//! In: names, passwords, secrets. Out: [`Actor`]s. Passwords are kept as argon2 hashes, secrets of
//! sessions and tokens as SHA-256; neither is ever handed out again.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{Catalog, CatalogError, Result, state::now};
pub use crate::store::Token;
use crate::{
    model::{Actor, Role, Scope},
    store::{PersonRow, Sessions},
};

/// Shortest password, in characters.
const SHORTEST_PASSWORD: usize = 10;
/// Longest password, in characters: hashing longer ones is work for an attacker to give.
const LONGEST_PASSWORD: usize = 200;
/// Longest name of a person, in characters.
const LONGEST_NAME: usize = 120;
/// How long a session lasts, in seconds, whether it is used or not.
const SESSION_LASTS: i64 = 30 * DAY;
/// How long a session lasts that is not used, in seconds.
const SESSION_WAITS: i64 = 7 * DAY;
/// How exact the time of last use is, in seconds: not every request writes.
const SEEN_WITHIN: i64 = 300;
/// Longest life of a token, in days.
pub const LONGEST_TOKEN_DAYS: u32 = 366;
/// How a token's secret begins, so that scanners for leaked secrets know it.
const TOKEN_STARTS: &str = "wellspring_";
const DAY: i64 = 86_400;

/// Passwords that are checked at the same time: each takes 19 MiB and much of a core.
static CHECKING: Semaphore = Semaphore::const_new(2);
/// What a password of nobody is compared with, so that it takes as long as one of somebody.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash_text("a password that nobody has").ok());

/// Somebody who may sign in, as lists show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they sign in with a password; else a proxy signs them in.
    pub has_password: bool,
    /// Names of owners that they stand for, teams among them.
    pub also: Vec<String>,
    /// Since when they are known, seconds since 1970 UTC.
    pub created_at: i64,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<i64>,
}

/// Somebody to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPerson {
    /// The name they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password; `None` where a proxy signs them in.
    pub password: Option<String>,
    /// Names of owners that they stand for.
    pub also: Vec<String>,
}

/// What changes about somebody; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonChange {
    /// What they may do.
    pub role: Option<Role>,
    /// Their password.
    pub password: Option<String>,
    /// Names of owners that they stand for.
    pub also: Option<Vec<String>>,
    /// Whether they may not sign in.
    pub disabled: Option<bool>,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for.
    pub label: String,
    /// How far it reaches.
    pub scope: Scope,
    /// Its life, in days.
    pub days: u32,
}

impl Catalog {
    /// Everybody who may sign in, or might once, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>> {
        Ok(self.store().people().await?.into_iter().map(shown_person).collect())
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// [`CatalogError::BadQuestion`] where the name is taken or does not fit, or the password is too weak.
    pub async fn add_person(&self, new: NewPerson) -> Result<()> {
        let name = fold_name(&new.name)?;
        let password = match new.password {
            Some(password) => Some(hash_password(&name, password).await?),
            None => None,
        };
        let person = PersonRow {
            role: new.role,
            password,
            also: clean_names(new.also),
            created_at: now(),
            disabled_at: None,
            name: name.clone(),
        };
        if self.store().add_person(&person).await? {
            return Ok(());
        }
        Err(CatalogError::BadQuestion(format!("there is a {name} already")))
    }

    /// Changes somebody. A new password and being shut out end their sessions. The last admin who may sign
    /// in stays one.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is nobody of that name.
    pub async fn change_person(&self, name: &str, change: PersonChange) -> Result<()> {
        let name = fold_name(name)?;
        let Some(mut person) = self.store().person(&name).await? else {
            return Err(CatalogError::not_found("people", &name));
        };
        let was_admin = person.role == Role::Admin && person.disabled_at.is_none();
        let ends = if change.password.is_some() || change.disabled == Some(true) { Sessions::End } else { Sessions::Keep };
        if let Some(role) = change.role {
            person.role = role;
        }
        if let Some(password) = change.password {
            person.password = Some(hash_password(&name, password).await?);
        }
        if let Some(also) = change.also {
            person.also = clean_names(also);
        }
        match change.disabled {
            Some(true) => person.disabled_at = person.disabled_at.or(Some(now())),
            Some(false) => person.disabled_at = None,
            None => {}
        }
        let is_admin = person.role == Role::Admin && person.disabled_at.is_none();
        if was_admin && !is_admin {
            let everybody = self.store().people().await?;
            let is_other_admin = |one: &PersonRow| one.name != name && one.role == Role::Admin && one.disabled_at.is_none();
            if !everybody.iter().any(is_other_admin) {
                return Err(CatalogError::BadQuestion(format!("{name} is the only admin: make somebody else one first")));
            }
        }
        self.store().change_person(&person, ends).await?;
        Ok(())
    }

    /// Begins a session; its secret comes back, or `None` where name and password do not fit.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<Option<String>> {
        let person = match fold_name(name) {
            Ok(name) => self.store().person(&name).await?,
            Err(_) => None,
        };
        let kept = person.as_ref().and_then(|person| person.password.clone());
        let fits = verify_password(kept.clone(), password.to_owned()).await?;
        match person {
            Some(person) if fits && kept.is_some() && person.disabled_at.is_none() => {
                let secret = make_secret()?;
                let now = now();
                self.store().begin_session(&digest(&secret), &person.name, now, now + SESSION_LASTS).await?;
                Ok(Some(secret))
            }
            _ => Ok(None),
        }
    }

    /// Whether `password` is that of the person called `name`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn knows_password(&self, name: &str, password: &str) -> Result<bool> {
        let kept = self.store().person(name).await?.and_then(|person| person.password);
        let is_kept = kept.is_some();
        Ok(verify_password(kept, password.to_owned()).await? && is_kept)
    }

    /// Who is signed in with that secret.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn session(&self, secret: &str) -> Result<Option<Actor>> {
        let digest = digest(secret);
        let Some((person, times)) = self.store().session(&digest).await? else { return Ok(None) };
        let now = now();
        if person.disabled_at.is_some() || times.expires_at <= now || times.seen_at + SESSION_WAITS <= now {
            return Ok(None);
        }
        if times.seen_at + SEEN_WITHIN < now {
            self.store().touch_session(&digest, now).await?;
        }
        Ok(Some(actor(person, Scope::Admin)))
    }

    /// Ends the session with that secret.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out(&self, secret: &str) -> Result<()> {
        Ok(self.store().end_session(&digest(secret)).await?)
    }

    /// Ends every session of the person called `name`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out_everywhere(&self, name: &str) -> Result<()> {
        Ok(self.store().end_sessions(name).await?)
    }

    /// The person that a trusted proxy names; one who is new is added with `role`, where there is one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn person_of_proxy(&self, name: &str, new: Option<Role>) -> Result<Option<Actor>> {
        let Ok(name) = fold_name(name) else { return Ok(None) };
        let found = match (self.store().person(&name).await?, new) {
            (Some(person), _) => Some(person),
            (None, Some(role)) => {
                let person = PersonRow {
                    name: name.clone(),
                    role,
                    password: None,
                    also: Vec::new(),
                    created_at: now(),
                    disabled_at: None,
                };
                self.store().add_person(&person).await?;
                self.store().person(&name).await?
            }
            (None, None) => None,
        };
        Ok(found.filter(|person| person.disabled_at.is_none()).map(|person| actor(person, Scope::Admin)))
    }

    /// Makes a token for the person called `name`; its secret comes back, once.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is nobody of that name, [`CatalogError::BadQuestion`] where its
    /// label or its life does not fit.
    pub async fn make_token(&self, name: &str, new: NewToken) -> Result<String> {
        let name = fold_name(name)?;
        let label = new.label.split_whitespace().collect::<Vec<_>>().join(" ");
        if label.is_empty() || label.chars().count() > LONGEST_NAME {
            return Err(CatalogError::BadQuestion("say in a few words what the token is for".to_owned()));
        }
        if new.days == 0 || new.days > LONGEST_TOKEN_DAYS {
            return Err(CatalogError::BadQuestion(format!("a token lives 1 to {LONGEST_TOKEN_DAYS} days")));
        }
        if self.store().person(&name).await?.is_none() {
            return Err(CatalogError::not_found("people", &name));
        }
        let secret = format!("{TOKEN_STARTS}{}", make_secret()?);
        let now = now();
        let token = Token {
            id: 0,
            person: name,
            label,
            scope: new.scope,
            created_at: now,
            expires_at: now + i64::from(new.days) * DAY,
            used_at: None,
            revoked_at: None,
        };
        self.store().add_token(&digest(&secret), &token).await?;
        Ok(secret)
    }

    /// Tokens, newest first: of everybody, or of one person.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tokens(&self, person: Option<&str>) -> Result<Vec<Token>> {
        Ok(self.store().tokens(person).await?)
    }

    /// Takes a token back: of anybody, or only where it is `person`'s.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such token that is not taken back yet.
    pub async fn revoke_token(&self, id: i64, person: Option<&str>) -> Result<()> {
        match self.store().revoke_token(id, person, now()).await? {
            true => Ok(()),
            false => Err(CatalogError::not_found("tokens", &id.to_string())),
        }
    }

    /// Who comes with that token.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bearer(&self, secret: &str) -> Result<Option<Actor>> {
        let Some((token, person)) = self.store().token(&digest(secret)).await? else { return Ok(None) };
        let now = now();
        if !token.is_live(&now) || person.disabled_at.is_some() {
            return Ok(None);
        }
        if token.used_at.is_none_or(|used| used + SEEN_WITHIN < now) {
            self.store().touch_token(token.id, now).await?;
        }
        Ok(Some(actor(person, token.scope)))
    }
}

/// A password that is hard to guess, for somebody who is added without one.
///
/// # Errors
/// When the system gives no random bytes.
pub fn make_password() -> Result<String> {
    Ok(make_secret()?.chars().take(20).collect())
}

fn actor(person: PersonRow, scope: Scope) -> Actor {
    Actor { name: person.name, role: person.role, scope, also: person.also }
}

fn shown_person(person: PersonRow) -> Person {
    Person {
        has_password: person.password.is_some(),
        name: person.name,
        role: person.role,
        also: person.also,
        created_at: person.created_at,
        disabled_at: person.disabled_at,
    }
}

/// The name as it is kept: in lower case, one word.
fn fold_name(name: &str) -> Result<String> {
    let name = name.trim().to_lowercase();
    let fits = !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if fits { Ok(name) } else { Err(CatalogError::BadQuestion("a name is one word, like ana@example.com".to_owned())) }
}

fn clean_names(names: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = names
        .into_iter()
        .map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

async fn hash_password(name: &str, password: String) -> Result<String> {
    let letters = password.chars().count();
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&letters) {
        let said = format!("a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters");
        return Err(CatalogError::BadQuestion(said));
    }
    let mut different: Vec<char> = password.to_lowercase().chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 5 || password.to_lowercase().contains(name) {
        return Err(CatalogError::BadQuestion("that password is easy to guess".to_owned()));
    }
    let _one_of_few = CHECKING.acquire().await.map_err(|cause| CatalogError::broken("hashing a password", cause))?;
    let hashed = tokio::task::spawn_blocking(move || hash_text(&password)).await;
    hashed.map_err(|cause| CatalogError::broken("hashing a password", cause))?
}

fn hash_text(password: &str) -> Result<String> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    Ok(hashed.map_err(|cause| CatalogError::broken("hashing a password", cause))?.to_string())
}

/// Whether `password` has the hash `kept`; without one it takes as long and is false.
async fn verify_password(kept: Option<String>, password: String) -> Result<bool> {
    if password.chars().count() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let _one_of_few = CHECKING.acquire().await.map_err(|cause| CatalogError::broken("checking a password", cause))?;
    let verified = tokio::task::spawn_blocking(move || {
        let is_kept = kept.is_some();
        let against = kept.or_else(|| NOBODY.clone()).unwrap_or_default();
        let fits =
            PasswordHash::new(&against).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        fits && is_kept
    });
    verified.await.map_err(|cause| CatalogError::broken("checking a password", cause))
}

fn make_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|cause| CatalogError::broken("making a secret", cause))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
