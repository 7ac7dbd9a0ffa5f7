//! When each Jibri is worth its hours: unit commitment, one level at a time.
//!
//! A level of the pool (the first spare Jibri, the second, …) costs a minute for every minute, a launch more where it
//! begins, and saves refusals at their price. For each level the cheapest schedule over the coming slots is found by
//! dynamic programming over two states, on and off. Where it is best to switch on, the spare target reaches the level;
//! where it is best to stay on, though perhaps not to switch on, the hold target does.

/// The targets of each slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) spare: Vec<u32>,
    pub(crate) hold: Vec<u32>,
}

/// Commits every level over the slots. `saved[slot][level]` are expected refusals, `price` is in instance-minutes a
/// refusal, and a launch costs `launch_minutes` before it is of use.
pub(crate) fn commit(saved: &[Vec<f64>], price: f64, slot_minutes: f64, launch_minutes: f64) -> Commitment {
    let mut commitment = Commitment { spare: vec![0; saved.len()], hold: vec![0; saved.len()] };
    let levels = saved.iter().map(Vec::len).max().unwrap_or(0);
    for level in 0..levels {
        let (upto, mut on, mut off) = (u32::try_from(level + 1).unwrap_or(u32::MAX), 0.0_f64, 0.0_f64);
        // What the rest of the hour is worth, when the level is on, and when it is off.
        for slot in (0..saved.len()).rev() {
            let gain = price * saved[slot].get(level).copied().unwrap_or(0.0) - slot_minutes;
            let (stay, launch, leave) = (gain + on, gain + on - launch_minutes, off);
            // A level needs all below it: they are taken first.
            if stay > leave {
                commitment.hold[slot] = upto;
            }
            if launch > leave {
                commitment.spare[slot] = upto;
            }
            (on, off) = (stay.max(leave), launch.max(leave));
        }
    }
    commitment
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One level, ten slots of a minute, refusals saved in some of them.
    fn plan(saved_at: &[(usize, f64)]) -> (Vec<u32>, Vec<u32>) {
        let mut saved = vec![vec![0.0]; 10];
        saved_at.iter().for_each(|(slot, refusals)| saved[*slot][0] = *refusals);
        let commitment = commit(&saved, 100.0, 1.0, 3.0);
        (commitment.spare, commitment.hold)
    }

    #[test]
    fn a_level_is_launched_where_it_saves_more_than_it_costs_and_not_before() {
        // 5 minutes saved, against 1 and a launch of 3.
        assert_eq!(plan(&[(4, 0.05)]).0, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        // 3.5 minutes saved would not pay for the launch, but for staying.
        assert_eq!(plan(&[(4, 0.035)]).0, [0; 10]);
        assert_eq!(plan(&[(4, 0.035)]).1, [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_level_is_held_over_a_gap_shorter_than_a_launch_and_let_go_over_a_longer_one() {
        let (_, hold) = plan(&[(1, 0.2), (4, 0.2)]);
        assert_eq!(hold[1..5], [1, 1, 1, 1]);
        let (_, hold) = plan(&[(1, 0.2), (7, 0.2)]);
        assert_eq!(hold[1..8], [1, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_level_brings_all_below_it() {
        let commitment = commit(&[vec![0.0, 0.0, 0.0, 0.2], vec![0.2, 0.0]], 100.0, 1.0, 3.0);
        assert_eq!((commitment.spare, commitment.hold), (vec![4, 1], vec![4, 1]));
    }

    #[test]
    fn spare_never_exceeds_hold() {
        let saved: Vec<Vec<f64>> = (0..60)
            .map(|slot| (0..8).map(|level| 0.5 / f64::from(1 + (slot * 7 + level * 13) % 50)).collect())
            .collect();
        let commitment = commit(&saved, 60.0, 0.5, 3.0);
        assert!(commitment.spare.iter().zip(&commitment.hold).all(|(spare, hold)| spare <= hold));
    }
}
