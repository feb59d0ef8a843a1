//! Settling which calculation of a metric holds: endorsing one, deprecating others. It is stated of the
//! metric, or of the column that holds the calculation, like everything that people state.

use super::{Catalog, CatalogError, ConflictMember, Edit, FieldChange, Result, conflicts::GroupMembers};
use crate::model::{Actor, Certification, StatedDeprecation, StatedValue};

/// A calculation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenCalculation {
    /// The id of the group.
    pub metric: String,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The column.
    pub column: String,
}

/// What becomes of the other calculations of a group when one is endorsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Nothing.
    Stay,
    /// All that differ are deprecated, the endorsed one in their place.
    AreDeprecated,
}

impl Catalog {
    /// Endorses one calculation of a group. Comes back with the numbers of the statements.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where the group has no such calculation; else those of [`Catalog::state`].
    pub async fn endorse_calculation(
        &self,
        actor: &Actor,
        chosen: &ChosenCalculation,
        note: &str,
        others: Others,
    ) -> Result<Vec<i64>> {
        let view = self.view();
        let group = view.members_of(&chosen.metric).await?;
        let (own_class, member) = find(&group, chosen)?;
        let certification = StatedValue::Certification(Some(Certification { note: note.to_owned() }));
        let mut edits = vec![edit(member, FieldChange::Set(certification))];
        if others == Others::AreDeprecated {
            let deprecation = StatedDeprecation {
                note: format!("Another calculation of {} is endorsed.", group.name),
                replacement: Some(member.called()),
                ..StatedDeprecation::default()
            };
            let differing = group.differing_from(own_class).filter(|other| other.deprecated.is_none());
            edits.extend(
                differing.map(|other| edit(other, FieldChange::Set(StatedValue::Deprecation(Some(deprecation.clone()))))),
            );
        }
        self.state(actor, edits).await
    }

    /// Deprecates one calculation of a group, with what to use instead; "" where nothing is.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where the group has no such calculation; else those of [`Catalog::state`].
    pub async fn deprecate_calculation(
        &self,
        actor: &Actor,
        chosen: &ChosenCalculation,
        note: &str,
        replacement: &str,
    ) -> Result<Vec<i64>> {
        let view = self.view();
        let group = view.members_of(&chosen.metric).await?;
        let (_, member) = find(&group, chosen)?;
        let deprecation = StatedDeprecation {
            note: note.to_owned(),
            replacement: Some(replacement.trim().to_owned()).filter(|text| !text.is_empty()),
            ..StatedDeprecation::default()
        };
        self.state(actor, vec![edit(member, FieldChange::Set(StatedValue::Deprecation(Some(deprecation))))]).await
    }
}

fn find<'g>(group: &'g GroupMembers, chosen: &ChosenCalculation) -> Result<(usize, &'g ConflictMember)> {
    let found = group.find(&chosen.namespace, &chosen.name, &chosen.column);
    found.ok_or_else(|| CatalogError::not_found(&chosen.metric, &format!("{}.{}", chosen.name, chosen.column)))
}

/// A metric is one thing; of any other asset the column is meant.
fn edit(member: &ConflictMember, change: FieldChange) -> Edit {
    Edit {
        namespace: member.asset.namespace.clone(),
        name: member.asset.name.clone(),
        column: if member.declared { String::new() } else { member.column.clone() },
        change,
        seen: None,
    }
}
