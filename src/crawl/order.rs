//! The order in which documents are analysed: after everything that they read.

/// Groups of documents, level by level: every document reads only what earlier levels and its own
/// group write. Groups of one document that reads itself, or of nothing else, are no cycle.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    /// Level → groups → documents, all sorted.
    pub(super) levels: Vec<Vec<Vec<u32>>>,
}

/// Orders documents, given for each the documents that it depends on.
pub(super) fn order(depends_on: &[Vec<u32>]) -> Levels {
    let groups = strongly_connected(depends_on);
    let mut group_of = vec![0u32; depends_on.len()];
    for (at, group) in groups.iter().enumerate() {
        for document in group {
            group_of[*document as usize] = at as u32;
        }
    }
    // Tarjan's groups come out with what they depend on before them.
    let mut level_of = vec![0usize; groups.len()];
    let mut levels: Vec<Vec<Vec<u32>>> = Vec::new();
    for (at, mut group) in groups.into_iter().enumerate() {
        let below = group
            .iter()
            .flat_map(|document| &depends_on[*document as usize])
            .map(|other| group_of[*other as usize] as usize)
            .filter(|other| *other != at)
            .map(|other| level_of[other] + 1)
            .max()
            .unwrap_or(0);
        level_of[at] = below;
        if levels.len() <= below {
            levels.resize_with(below + 1, Vec::new);
        }
        group.sort_unstable();
        levels[below].push(group);
    }
    for level in &mut levels {
        level.sort_unstable();
    }
    Levels { levels }
}

/// Tarjan's algorithm without recursion.
fn strongly_connected(depends_on: &[Vec<u32>]) -> Vec<Vec<u32>> {
    const UNSEEN: u32 = u32::MAX;
    let count = depends_on.len();
    let (mut index, mut low) = (vec![UNSEEN; count], vec![0u32; count]);
    let mut on_stack = vec![false; count];
    let (mut stack, mut groups, mut next) = (Vec::new(), Vec::new(), 0u32);
    let mut work: Vec<(u32, usize)> = Vec::new();
    for root in 0..count as u32 {
        if index[root as usize] != UNSEEN {
            continue;
        }
        work.push((root, 0));
        while let Some((node, edge)) = work.pop() {
            let at = node as usize;
            if edge == 0 {
                index[at] = next;
                low[at] = next;
                next += 1;
                stack.push(node);
                on_stack[at] = true;
            } else {
                let child = depends_on[at][edge - 1] as usize;
                if on_stack[child] {
                    low[at] = low[at].min(low[child]);
                }
            }
            if let Some(child) = depends_on[at].get(edge) {
                work.push((node, edge + 1));
                let child = *child as usize;
                if index[child] == UNSEEN {
                    work.push((child as u32, 0));
                }
                continue;
            }
            if low[at] == index[at] {
                let mut group = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member as usize] = false;
                    group.push(member);
                    if member == node {
                        break;
                    }
                }
                groups.push(group);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chain_has_a_level_each_and_a_cycle_is_one_group() {
        let levels = order(&[vec![], vec![0], vec![1, 3], vec![2], vec![3], vec![4, 4, 5]]).levels;
        assert_eq!(levels, [vec![vec![0]], vec![vec![1]], vec![vec![2, 3]], vec![vec![4]], vec![vec![5]]]);
    }

    proptest! {
        #[test]
        fn every_document_comes_once_and_after_what_it_depends_on(
            edges in prop::collection::vec((0u32..30, 0u32..30), 0..90),
        ) {
            let mut depends_on = vec![Vec::new(); 30];
            for (from, to) in edges {
                depends_on[from as usize].push(to);
            }
            let levels = order(&depends_on).levels;
            let mut place = vec![None; 30];
            for (level, groups) in levels.iter().enumerate() {
                for (at, group) in groups.iter().enumerate() {
                    for document in group {
                        prop_assert!(place[*document as usize].replace((level, at)).is_none());
                    }
                }
            }
            for (document, others) in depends_on.iter().enumerate() {
                for other in others {
                    let (mine, theirs) = (place[document].unwrap(), place[*other as usize].unwrap());
                    prop_assert!(mine == theirs || theirs.0 < mine.0);
                }
            }
        }
    }
}
