//! Audits: campaigns, what they review, and who decided what. Nothing is ever changed or deleted.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError, runs::to_json};

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// What was asked for, as an address holds it.
    pub scope: String,
    /// Who reviews.
    pub reviewers: Vec<String>,
    /// By when (ISO date).
    pub due: String,
    /// The campaign before it.
    pub follows: Option<i64>,
    /// The run that its scope is frozen at.
    pub run: u32,
    /// The newest statement then.
    pub statements: i64,
    /// Who began it.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// Something that a campaign reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRow {
    /// From 1.
    pub ordinal: i64,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's key.
    pub key: String,
    /// JSON, as it was when the campaign began.
    pub evidence: String,
}

/// What somebody decided of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// The item.
    pub ordinal: i64,
    /// `keep`, `fix`, `merge`, `archive`, or `reopen`.
    pub verdict: String,
    /// Why.
    pub note: String,
    /// JSON: question → answer.
    pub answers: String,
    /// Of a merge, the name of what it is merged into; else "".
    pub into: String,
    /// Who.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// That a campaign was closed, or opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// `closed` or `reopened`.
    pub what: String,
    /// Why.
    pub note: String,
    /// Who.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

impl Store {
    /// Keeps a new campaign with everything it reviews, all or nothing; its number comes back.
    pub async fn add_campaign(&self, campaign: &CampaignRow, items: &[ItemRow]) -> Result<i64, StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO campaign (title, scope, reviewers, due, follows, run, statements, person, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
        )
        .bind(&campaign.title)
        .bind(&campaign.scope)
        .bind(to_json(&campaign.reviewers)?)
        .bind(&campaign.due)
        .bind(campaign.follows)
        .bind(campaign.run)
        .bind(campaign.statements)
        .bind(&campaign.person)
        .bind(campaign.at)
        .fetch_one(&mut *transaction)
        .await?;
        let rows: Vec<(i64, &str, &str, &str)> =
            items.iter().map(|item| (item.ordinal, item.namespace.as_str(), item.key.as_str(), item.evidence.as_str())).collect();
        sqlx::query(
            "INSERT INTO campaign_item (campaign, ordinal, namespace, key, evidence)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)",
        )
        .bind(id)
        .bind(to_json(&rows)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Every campaign, newest first, with how many items it has.
    pub async fn campaigns(&self) -> Result<Vec<(CampaignRow, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, title, scope, reviewers, due, follows, run, statements, person, at,
                 (SELECT count(*) FROM campaign_item WHERE campaign = campaign.id)
             FROM campaign ORDER BY id DESC",
        )
        .fetch_all(&self.people)
        .await?;
        rows.iter().map(|row| Ok((campaign_row(row)?, row.try_get(10)?))).collect()
    }

    /// What a campaign reviews, in order.
    pub async fn campaign_items(&self, campaign: i64) -> Result<Vec<ItemRow>, StoreError> {
        let rows =
            sqlx::query("SELECT ordinal, namespace, key, evidence FROM campaign_item WHERE campaign = ?1 ORDER BY ordinal")
                .bind(campaign)
                .fetch_all(&self.people)
                .await?;
        rows.iter()
            .map(|row| {
                Ok(ItemRow {
                    ordinal: row.try_get(0)?,
                    namespace: row.try_get(1)?,
                    key: row.try_get(2)?,
                    evidence: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Everything that was decided in a campaign, oldest first.
    pub async fn campaign_verdicts(&self, campaign: i64) -> Result<Vec<VerdictRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, ordinal, verdict, note, answers, into_, person, at FROM campaign_verdict WHERE campaign = ?1 ORDER BY id",
        )
        .bind(campaign)
        .fetch_all(&self.people)
        .await?;
        rows.iter().map(verdict_row).collect()
    }

    /// Keeps verdicts on the ground of what their author saw: the newest verdict of each item, 0 for none. All or
    /// none; the items that somebody else decided in between come back, none where all were kept.
    pub async fn add_verdicts(&self, campaign: i64, verdicts: &[(VerdictRow, i64)]) -> Result<Vec<i64>, StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let rows = sqlx::query("SELECT ordinal, max(id) FROM campaign_verdict WHERE campaign = ?1 GROUP BY ordinal")
            .bind(campaign)
            .fetch_all(&mut *transaction)
            .await?;
        let mut newest = std::collections::BTreeMap::new();
        for row in &rows {
            newest.insert(row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?);
        }
        let overtaken: Vec<i64> = verdicts
            .iter()
            .filter(|(verdict, seen)| newest.get(&verdict.ordinal).copied().unwrap_or(0) > *seen)
            .map(|(verdict, _)| verdict.ordinal)
            .collect();
        if !overtaken.is_empty() {
            return Ok(overtaken);
        }
        let rows: Vec<(i64, &str, &str, &str, &str, &str, i64)> = verdicts
            .iter()
            .map(|(one, _)| {
                let texts = (one.verdict.as_str(), one.note.as_str(), one.answers.as_str(), one.into.as_str());
                (one.ordinal, texts.0, texts.1, texts.2, texts.3, one.person.as_str(), one.at)
            })
            .collect();
        sqlx::query(
            "INSERT INTO campaign_verdict (campaign, ordinal, verdict, note, answers, into_, person, at)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
             FROM json_each(?2)",
        )
        .bind(campaign)
        .bind(to_json(&rows)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Vec::new())
    }

    /// Keeps that a campaign was closed, or opened again.
    pub async fn add_campaign_event(&self, campaign: i64, event: &EventRow) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO campaign_event (campaign, what, note, person, at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(campaign)
            .bind(&event.what)
            .bind(&event.note)
            .bind(&event.person)
            .bind(event.at)
            .execute(&self.people)
            .await?;
        Ok(())
    }

    /// (campaign, what happened to it) of every event, oldest first.
    pub async fn campaign_events(&self) -> Result<Vec<(i64, EventRow)>, StoreError> {
        let rows = sqlx::query("SELECT campaign, what, note, person, at FROM campaign_event ORDER BY id")
            .fetch_all(&self.people)
            .await?;
        rows.iter()
            .map(|row| {
                let event =
                    EventRow { what: row.try_get(1)?, note: row.try_get(2)?, person: row.try_get(3)?, at: row.try_get(4)? };
                Ok((row.try_get(0)?, event))
            })
            .collect()
    }
}

fn campaign_row(row: &SqliteRow) -> Result<CampaignRow, StoreError> {
    let reviewers: String = row.try_get(3)?;
    Ok(CampaignRow {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        scope: row.try_get(2)?,
        reviewers: serde_json::from_str(&reviewers).map_err(|error| StoreError::Damaged(error.to_string()))?,
        due: row.try_get(4)?,
        follows: row.try_get(5)?,
        run: row.try_get(6)?,
        statements: row.try_get(7)?,
        person: row.try_get(8)?,
        at: row.try_get(9)?,
    })
}

fn verdict_row(row: &SqliteRow) -> Result<VerdictRow, StoreError> {
    Ok(VerdictRow {
        id: row.try_get(0)?,
        ordinal: row.try_get(1)?,
        verdict: row.try_get(2)?,
        note: row.try_get(3)?,
        answers: row.try_get(4)?,
        into: row.try_get(5)?,
        person: row.try_get(6)?,
        at: row.try_get(7)?,
    })
}
