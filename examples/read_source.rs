//! Reads a source and says what was found and how long it took: `read_source PATH [REF]`.

use std::{error::Error, path::Path, time::Instant};

use wellspring::{
    config::Config,
    model::FactKind,
    sources::{At, NOTHING_KNOWN, NoProgress, Request, read},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_source PATH [REF]")?;
    let config = Config::for_paths(&[path], arguments.next().as_deref())?;
    let data = Path::new("/nonexistent");
    let source = config.sources.first().ok_or("no source")?;
    let mut without_history = config.clone();
    without_history.crawl.history_commits = 0;
    let start = Instant::now();
    let request = Request { config: &without_history, source, at: At::Tip, data, known: &NOTHING_KNOWN, history_since: None };
    let reading = read(&request, &NoProgress)?;
    println!("cold, without history: {:.2?}", start.elapsed());
    let start = Instant::now();
    let with_history = read(&Request { config: &config, ..request }, &NoProgress)?;
    println!("cold, with history:    {:.2?}", start.elapsed());
    let tip = with_history.commit.as_ref().map(|commit| commit.id.clone());
    let start = Instant::now();
    let request = Request { config: &config, source, at: At::Tip, data, known: &with_history.files, history_since: tip };
    let again = read(&request, &NoProgress)?;
    println!(
        "unchanged:             {:.2?}, {} of {} files unchanged",
        start.elapsed(),
        again.unchanged.len(),
        again.files.len()
    );
    for days in &config.crawl.history_days {
        let start = Instant::now();
        let at = At::DaysBefore(*days);
        match read(&Request { config: &config, source, at, data, known: &with_history.files, history_since: None }, &NoProgress) {
            Ok(old) => println!("{days} days before: {:.2?}, {} unchanged", start.elapsed(), old.unchanged.len()),
            Err(error) => println!("{days} days before: {error}"),
        }
    }
    let columns: usize =
        reading.facts.iter().map(|fact| if let FactKind::Columns { columns, .. } = &fact.what { columns.len() } else { 0 }).sum();
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for fact in &reading.facts {
        let value = serde_json::to_value(&fact.what)?;
        *kinds.entry(value["kind"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        if let FactKind::Deprecated { note, date, replacement: Some(replacement) } = &fact.what {
            println!("  {:?} -> {replacement} ({date:?}): {}", fact.path, note.chars().take(100).collect::<String>());
        }
    }
    let mut roles = std::collections::BTreeMap::<&str, usize>::new();
    for document in &reading.documents {
        *roles.entry(document.role.word()).or_default() += 1;
    }
    let templated = reading.documents.iter().filter(|document| document.templated).count();
    println!("{} documents {roles:?}, {templated} templated; {columns} columns; facts {kinds:?}", reading.documents.len());
    println!("{} last changes, {} contributors", with_history.last_changes.len(), with_history.contributors.len());
    println!("{:?}\npermalink {:?}", reading.notes, reading.permalink);
    println!("{} diagnostics", reading.diagnostics.len());
    for (path, line, diagnostic) in reading.diagnostics.iter().take(30) {
        println!("  {path}:{line}: {} {}", diagnostic.code, diagnostic.message);
    }
    Ok(())
}
