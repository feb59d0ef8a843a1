//! `wellspring user` and `wellspring token`: who may sign in, from the machine that serves.

use std::io::Read;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::{
    Outcome,
    place::{Place, wait_for},
};
use crate::{
    catalog::{Catalog, NewPerson, NewToken, PersonChange, make_password},
    model::{Role, Scope},
};

/// Longest password that is read from stdin, in bytes.
const LONGEST_INPUT: u64 = 4_096;

/// Add, list and change the people who may sign in
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct User {
    #[command(subcommand)]
    action: UserAction,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring user add ana@example.com --role admin
  wellspring user add bo@example.com --also growth-team     # may change what growth-team owns
  echo \"$SECRET\" | wellspring user password bo@example.com --stdin
  wellspring user disable bo@example.com

Passwords are made up and printed once, unless --stdin gives one.

Exit codes: 0 done · 2 failure";

#[derive(Debug, Subcommand)]
enum UserAction {
    /// Add somebody
    Add {
        /// The name they sign in with
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value_t = RoleWord::Viewer)]
        role: RoleWord,
        /// An owner that they stand for, a team for one; may be given several times
        #[arg(long, value_name = "OWNER")]
        also: Vec<String>,
        /// Read the password from the first line of stdin
        #[arg(long)]
        stdin: bool,
        /// No password: a trusted proxy signs them in
        #[arg(long, conflicts_with = "stdin")]
        by_proxy: bool,
    },
    /// List everybody
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give somebody another role
    Role {
        /// Who
        name: String,
        /// What they may do
        #[arg(value_enum)]
        role: RoleWord,
    },
    /// Give somebody a new password; their sessions end
    Password {
        /// Who
        name: String,
        /// Read it from the first line of stdin
        #[arg(long)]
        stdin: bool,
    },
    /// Shut somebody out; their sessions and tokens end
    Disable {
        /// Who
        name: String,
    },
    /// Let somebody in again
    Enable {
        /// Who
        name: String,
    },
}

/// Make, list and take back tokens for programs
#[derive(Debug, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    action: TokenAction,
    #[command(flatten)]
    place: Place,
}

const TOKEN_EXAMPLES: &str = "Examples:
  wellspring token add ana@example.com --for nightly-export --scope read --days 90
  wellspring token list
  wellspring token revoke 3

The secret is printed once; send it as `Authorization: Bearer …`.

Exit codes: 0 done · 2 failure";

#[derive(Debug, Subcommand)]
enum TokenAction {
    /// Make one; its secret is printed once
    Add {
        /// Whose it is
        name: String,
        /// What it is for
        #[arg(long = "for", value_name = "WORDS")]
        label: String,
        /// How far it reaches, within the role of its owner
        #[arg(long, value_enum, default_value_t = ScopeWord::Read)]
        scope: ScopeWord,
        /// Its life
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// List all
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take one back
    Revoke {
        /// Its number
        id: i64,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleWord {
    /// Reads, remarks, changes what they own
    Viewer,
    /// Changes every asset
    Editor,
    /// Manages people as well
    Admin,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeWord {
    /// Feeds alone
    Feed,
    /// Reading
    Read,
    /// Stating things as well
    Write,
    /// Everything that the role allows
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Viewer => Role::Viewer,
            RoleWord::Editor => Role::Editor,
            RoleWord::Admin => Role::Admin,
        }
    }
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Scope {
        match word {
            ScopeWord::Feed => Scope::Feed,
            ScopeWord::Read => Scope::Read,
            ScopeWord::Write => Scope::Write,
            ScopeWord::Admin => Scope::Admin,
        }
    }
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let User { action, place } = self;
        wait_for(async move {
            let catalog = Catalog::open(&place.folder()?).await?;
            match action {
                UserAction::Add { name, role, also, stdin, by_proxy } => {
                    let password = if by_proxy { None } else { Some(choose_password(stdin)?) };
                    let new = NewPerson { name: name.clone(), role: role.into(), password: password.clone(), also };
                    catalog.add_person(new).await?;
                    print_password(&name, password.filter(|_| !stdin));
                }
                UserAction::List { json } => list_people(&catalog, json).await?,
                UserAction::Role { name, role } => {
                    catalog.change_person(&name, PersonChange { role: Some(role.into()), ..PersonChange::default() }).await?;
                }
                UserAction::Password { name, stdin } => {
                    let password = choose_password(stdin)?;
                    let change = PersonChange { password: Some(password.clone()), ..PersonChange::default() };
                    catalog.change_person(&name, change).await?;
                    print_password(&name, Some(password).filter(|_| !stdin));
                }
                UserAction::Disable { name } => {
                    catalog.change_person(&name, PersonChange { disabled: Some(true), ..PersonChange::default() }).await?;
                }
                UserAction::Enable { name } => {
                    catalog.change_person(&name, PersonChange { disabled: Some(false), ..PersonChange::default() }).await?;
                }
            }
            Ok(Outcome::Done)
        })
    }
}

impl TokenCommand {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let TokenCommand { action, place } = self;
        wait_for(async move {
            let catalog = Catalog::open(&place.folder()?).await?;
            match action {
                TokenAction::Add { name, label, scope, days } => {
                    let secret = catalog.make_token(&name, NewToken { label, scope: scope.into(), days }).await?;
                    println!("{secret}");
                    eprintln!("It is shown this once.");
                }
                TokenAction::List { json } => list_tokens(&catalog, json).await?,
                TokenAction::Revoke { id } => catalog.revoke_token(id, None).await?,
            }
            Ok(Outcome::Done)
        })
    }
}

async fn list_people(catalog: &Catalog, json: bool) -> anyhow::Result<()> {
    let people = catalog.people().await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&people)?);
        return Ok(());
    }
    for person in &people {
        let state = match (person.disabled_at, person.has_password) {
            (Some(_), _) => "shut out",
            (None, true) => "password",
            (None, false) => "by proxy",
        };
        println!("{:<32} {:<7} {state:<9} {}", person.name, person.role.word(), person.also.join(", "));
    }
    if people.is_empty() {
        eprintln!("nobody yet: `wellspring user add NAME --role admin`");
    }
    Ok(())
}

async fn list_tokens(catalog: &Catalog, json: bool) -> anyhow::Result<()> {
    let tokens = catalog.tokens(None).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&tokens)?);
        return Ok(());
    }
    for token in &tokens {
        let until = jiff::Timestamp::from_second(token.expires_at).unwrap_or_default().strftime("%Y-%m-%d");
        let state = if token.revoked_at.is_some() { "taken back".to_owned() } else { format!("until {until}") };
        println!("{:>4} {:<32} {:<6} {state:<16} {}", token.id, token.person, token.scope.word(), token.label);
    }
    if tokens.is_empty() {
        eprintln!("none yet: `wellspring token add NAME --for WORDS`");
    }
    Ok(())
}

fn choose_password(stdin: bool) -> anyhow::Result<String> {
    if !stdin {
        return Ok(make_password()?);
    }
    let mut text = String::new();
    std::io::stdin().take(LONGEST_INPUT).read_to_string(&mut text).context("reading the password")?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => bail!("stdin holds no password"),
    }
}

fn print_password(name: &str, password: Option<String>) {
    if let Some(password) = password {
        println!("{password}");
        eprintln!("The password of {name}. It is shown this once; they can change it under Account.");
    }
}
