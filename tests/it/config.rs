//! `wellspring.toml`, the configuration of nothing but paths, and where data goes.

use std::{fs, path::Path, time::Duration};

use wellspring::{
    config::{Codeowners, Config, ConfigError, Layout, Pattern},
    model::Dialect,
};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/wellspring/wellspring.toml"))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn every_key_is_read() {
    let config = parse(include_str!("../../fixtures/sources/wellspring.toml")).unwrap();
    assert_eq!(config.data.as_deref(), Some(Path::new("/etc/wellspring/state")));
    assert_eq!(config.addr.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url(), "https://catalog.example.org");
    assert_eq!(config.crawl.every, Some(Duration::from_secs(900)));
    assert_eq!(config.crawl.history_days, [30]);
    assert_eq!(config.limits.max_file_bytes, 1_000_000);
    assert_eq!(config.limits.max_depth, 2_000);
    let [analytics, remote] = config.sources.as_slice() else { panic!("two sources") };
    assert_eq!(analytics.path.as_deref(), Some(Path::new("/etc/wellspring/analytics")));
    assert_eq!(analytics.target, ["models/{schema}/{table}.sql"]);
    assert_eq!(analytics.variables["limit"], serde_json::json!(7));
    assert_eq!(analytics.codeowners, Codeowners::Owners);
    assert_eq!(analytics.layout, Some(Layout::Plain));
    assert_eq!(remote.reference.as_deref(), Some("generated-sql"));
    assert_eq!(remote.codeowners, Codeowners::Reviewers);
    assert!(remote.bots.iter().any(|pattern| pattern == "dependabot*"));
    let place = config.warehouse_of(analytics, Dialect::Snowflake);
    assert_eq!(
        (place.name.as_str(), place.database.as_deref(), place.schema.as_deref()),
        ("snowflake://acme", Some("PROD"), Some("CORE"))
    );
    let own = config.warehouse_of(remote, Dialect::BigQuery);
    assert_eq!((own.name.as_str(), own.database), ("bigquery", None));
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
    let text = "addr = \"127.0.0.1:1\"\n\n[[source]]\nname = \"a\"\npaht = \"x\"\n";
    assert_eq!(refusal(text), "/etc/wellspring/wellspring.toml:5: unknown key `paht`; did you mean `path`?");
    assert!(refusal("[limits]\nmax_file_byte = 1\n").contains(":2: unknown key `max_file_byte`; did you mean `max_file_bytes`?"));
    assert!(refusal("[[sources]]\nname = \"a\"\n").contains(":1: unknown key `sources`; did you mean `source`?"));
    let far = refusal("zzzzzzzzzzzz = 1\n");
    assert!(far.ends_with("unknown key `zzzzzzzzzzzz`"), "{far}");
}

#[test]
fn values_that_do_not_fit_are_refused_in_words() {
    assert!(refusal("addr = 7\n").contains("wellspring.toml:1:"));
    assert!(refusal("[crawl]\nevery = \"soon\"\n").contains("write `30s`, `15m`, `6h` or `1d`"));
    assert!(refusal("[[source]]\nname = \"a\"\n").contains("neither a `path` nor a `url`"));
    assert!(refusal("[[source]]\nname = \"a\"\npath = \".\"\nurl = \"https://h/r\"\n").contains("both"));
    let remote = |rest: &str| refusal(&format!("[[source]]\nname = \"a\"\n{rest}\n"));
    assert!(remote("path = \".\"\ntoken_env = \"T\"").contains("`token_env`, which is for a `url` that starts with https://"));
    assert!(remote("url = \"http://h/r\"\nca_file = \"c.pem\"").contains("`ca_file`, which is for"));
    assert!(remote("url = \"https://h/r\"\nuser = \"u\"").contains("no `token_env`"));
    assert!(remote("url = \"https://u:p@h/r\"\ntoken_env = \"T\"").contains("a login in its `url`"));
    assert!(refusal("[[source]]\nname = \"a\"\npath = \".\"\nwarehouse = \"w\"\n").contains("no [[warehouse]] is called so"));
    assert!(refusal("[[source]]\nname = \"a\"\npath = \".\"\ntarget = \"sql/x.sql\"\n").contains("captures nothing"));
    assert!(refusal("[[names]]\npattern = \"a\"\n").contains("no replacement, environment or ignore"));
    assert!(refusal("[[names]]\npattern = \"{a}.b\"\nreplacement = \"{c}\"\n").contains("does not capture `{c}`"));
    assert!(
        refusal("[[source]]\nname = \"a\"\npath = \".\"\n[[source]]\nname = \"a\"\npath = \".\"\n").contains("two [[source]]")
    );
    assert!(refusal("[[source]\n").contains("wellspring.toml:1:"));
    assert!(refusal("[[source]]\nname = \"a\"\npath = \".\"\ndialect = \"klingon\"\n").contains("klingon"));
}

#[test]
fn name_rules_replace_assign_an_environment_and_ignore() {
    let text = r#"
        [[names]]
        pattern = "dev_{person}.{rest}"
        replacement = "prod.{rest}"
        environment = "dev"
        [[names]]
        pattern = "**.events_#"
        replacement = "raw.events"
        [[names]]
        pattern = "**.tmp_*"
        ignore = true
    "#;
    let rules = parse(text).unwrap().name_rules().unwrap();
    let dev = rules.judge("w", "DEV_anna.orders");
    assert_eq!((dev.replacement.as_deref(), dev.environment.as_deref(), dev.ignored), (Some("prod.orders"), Some("dev"), false));
    assert_eq!(rules.judge("w", "a.b.events_20240131").replacement.as_deref(), Some("raw.events"));
    assert!(rules.judge("w", "a.b.tmp_x").ignored);
    assert_eq!(rules.judge("w", "a.b.orders"), wellspring::config::Judgement::default());
}

#[test]
fn path_patterns_capture_folders() {
    let pattern = Pattern::of_paths("sql/{project}/{_}/**/{table}.sql").unwrap();
    assert_eq!(pattern.capture("sql/p/x/y/z/t.sql").unwrap(), [("project", "p"), ("_", "x"), ("table", "t")]);
    assert!(pattern.capture("sql/p/t.sql").is_none());
    assert!(Pattern::of_paths("a/{b").is_err());
}

#[test]
fn paths_alone_make_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one/analytics", "two/analytics", "three/repo"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let remotes = ["https://example.org/team/etl.git".to_owned(), "git@example.org:team/marts".to_owned()];
    let paths = [path("one/analytics"), path("two/analytics"), path("three/repo"), remotes[0].clone(), remotes[1].clone()];
    let config = Config::for_paths(&paths, Some("main")).unwrap();
    let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["analytics", "analytics-2", "three", "etl", "marts"]);
    assert!(config.sources[..3].iter().all(|source| source.path.is_some() && source.url.is_none()));
    assert!(config.sources[3..].iter().all(|source| source.path.is_none() && source.url.is_some()));
    assert!(config.sources.iter().all(|source| source.reference.as_deref() == Some("main")));
}

#[test]
fn data_never_goes_into_what_is_crawled() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let (repository, home) = (root.join("repository"), root.join("home"));
    fs::create_dir_all(&repository).unwrap();
    fs::create_dir_all(&home).unwrap();
    let source = "[[source]]\nname = \"r\"\npath = \"repository\"\n";
    let beside = Config::parse(source, &root.join("wellspring.toml")).unwrap();
    assert_eq!(beside.data_folder(Some(&home)).unwrap(), root.join("wellspring-data"));
    let inside = Config::parse("[[source]]\nname = \"r\"\npath = \".\"\n", &repository.join("wellspring.toml")).unwrap();
    let chosen = inside.data_folder(Some(&home)).unwrap();
    assert!(chosen.starts_with(home.join("wellspring")), "{chosen:?}");
    let set = Config::parse("data = \"x/../y\"\n[[source]]\nname = \"r\"\npath = \".\"\n", &repository.join("wellspring.toml"))
        .unwrap();
    assert!(matches!(set.data_folder(Some(&home)), Err(ConfigError::DataInsideSource { .. })));
    let zero = Config::for_paths(&[repository.display().to_string()], None).unwrap();
    let other = Config::for_paths(&[repository.display().to_string()], Some("dev")).unwrap();
    let folders = [zero.data_folder(Some(&home)).unwrap(), other.data_folder(Some(&home)).unwrap()];
    assert!(folders[0].starts_with(home.join("wellspring")) && folders[0] != folders[1]);
    assert_eq!(folders[0], zero.data_folder(Some(&home)).unwrap());
    assert!(matches!(zero.data_folder(None), Err(ConfigError::NoDataHome)));
    assert!(matches!(zero.data_folder(Some(&repository)), Err(ConfigError::DataInsideSource { .. })));
}
