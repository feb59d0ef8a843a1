//! Joins that change nothing: a left join that finds at most one row for each, of which nothing is read.

use super::{
    merge::{output, used_columns},
    term::{Block, From, InputId, Output, Rows, Source, Term},
};

/// The block without one such join; `None` where it has none.
pub(super) fn without_idle_join(block: &Block) -> Option<Block> {
    block.inputs.iter().find_map(|(id, source)| {
        let Source::Rows(Rows::Block(inner)) = source else { return None };
        if block.outputs.iter().any(|output| matches!(output, Output::Star(input, _) if input == id)) {
            return None;
        }
        let from = without_join(&block.from, *id, inner)?;
        let inputs = block.inputs.iter().filter(|(input, _)| input != id).cloned().collect();
        let less = Block { from, inputs, ..block.clone() };
        used_columns(&less, *id).is_empty().then_some(less)
    })
}

/// `from` without the left join whose right side is the input `id`, if that finds at most one row for each.
fn without_join(from: &From, id: InputId, inner: &Block) -> Option<From> {
    match from {
        From::Input(_) => None,
        From::Cross(parts) => {
            let (at, less) = parts.iter().enumerate().find_map(|(at, part)| Some((at, without_join(part, id, inner)?)))?;
            let mut parts = parts.clone();
            parts[at] = less;
            Some(From::Cross(parts))
        }
        From::Join(word, left, right, on) if &**word == "left" && **right == From::Input(id) => {
            finds_one(id, inner, on).then(|| (**left).clone())
        }
        From::Join(word, left, right, on) => {
            let less = without_join(left, id, inner)?;
            Some(From::Join(word.clone(), Box::new(less), right.clone(), on.clone()))
        }
    }
}

/// Whether the conditions compare every key of the grouped subquery `inner` with something else.
fn finds_one(id: InputId, inner: &Block, on: &[Term]) -> bool {
    let Some(keys) = &inner.group else { return false };
    let compared: Vec<Term> = on
        .iter()
        .filter_map(|condition| match condition {
            Term::Apply(word, sides) if &**word == "=" => match sides.as_slice() {
                [Term::Column(input, name), other] | [other, Term::Column(input, name)]
                    if *input == id && !other.inputs().contains(&id) =>
                {
                    output(inner, name).ok()
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    let is_set = |key: &Term| matches!(key, Term::Apply(name, _) if matches!(&**name, "rollup" | "cube" | "grouping sets"));
    keys.iter().all(|key| !is_set(key) && compared.contains(key))
}
