//! When each Jibri is worth its hours: unit commitment, one level at a time.
//!
//! A level of the pool (the first spare Jibri, the second, …) costs one instance-minute a minute from its launch on, and
//! one more for its drain. From a lead time after its order on, it saves refusals, each worth its price. When a level is
//! ended, the pool is without it for a lead time, since no launch replaces it sooner. Dynamic programming over two states,
//! on and off, finds the cheapest schedule of each level over the coming slots. Where it is cheapest to switch the level
//! on, the spare target reaches it. Where it is cheapest to leave it on, the hold target reaches it.

/// What the drain of an instance costs, so that switching a level on and off again is never free.
const DRAIN_MINUTES: f64 = 1.0;

/// The targets of each slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) spare: Vec<u32>,
    pub(crate) hold: Vec<u32>,
}

/// Commits every level over the slots. `saved[slot][level]` are the refusals that an order of the slot saves when it
/// arrives, `lost[slot][level]` those that ending the level in the slot costs until then; `price` is in
/// instance-minutes a refusal.
pub(crate) fn commit(saved: &[Vec<f64>], lost: &[Vec<f64>], price: f64, slot_minutes: f64) -> Commitment {
    let mut commitment = Commitment { spare: vec![0; saved.len()], hold: vec![0; saved.len()] };
    let levels = saved.iter().map(Vec::len).max().unwrap_or(0);
    for level in 0..levels {
        let (upto, mut on, mut off) = (u32::try_from(level + 1).unwrap_or(u32::MAX), 0.0_f64, 0.0_f64);
        let worth = |refusals: &[f64]| price * refusals.get(level).copied().unwrap_or(0.0);
        // `on` and `off`: what the rest of the hour is worth when the level is on, and when it is off.
        for (slot, (saved, lost)) in saved.iter().zip(lost).enumerate().rev() {
            let (keep, end) = (worth(saved) - slot_minutes + on, off - worth(lost));
            // A level is of use only with all levels below it, since a request takes the lowest one that is free.
            if keep > end {
                commitment.hold[slot] = upto;
            }
            if keep - DRAIN_MINUTES > off {
                commitment.spare[slot] = upto;
            }
            (on, off) = (keep.max(end), off.max(keep - DRAIN_MINUTES));
        }
    }
    commitment
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One level, ten slots of a minute: refusals saved in some of them, and lost by ending it in some.
    fn plan(saved_at: &[(usize, f64)], lost_at: &[(usize, f64)]) -> (Vec<u32>, Vec<u32>) {
        let (mut saved, mut lost) = (vec![vec![0.0]; 10], vec![vec![0.0]; 10]);
        saved_at.iter().for_each(|(slot, refusals)| saved[*slot][0] = *refusals);
        lost_at.iter().for_each(|(slot, refusals)| lost[*slot][0] = *refusals);
        let commitment = commit(&saved, &lost, 100.0, 1.0);
        (commitment.spare, commitment.hold)
    }

    #[test]
    fn a_level_is_launched_where_it_saves_more_than_it_costs_and_not_before() {
        assert_eq!(plan(&[(4, 0.05)], &[]).0, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        // It saves 1.9 minutes. To launch it costs 1, and 1 for the drain; to keep it costs 1.
        assert_eq!(plan(&[(4, 0.019)], &[]).0, [0; 10]);
        assert_eq!(plan(&[(4, 0.019)], &[]).1, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_level_is_held_while_ending_it_would_cost_more_than_keeping_it() {
        // Ordered in slot 4, it saves 6 minutes. It costs 4 until the end of slot 7, and 1 for the drain.
        let lost = [(5, 0.05), (6, 0.03), (7, 0.015)];
        assert_eq!(plan(&[(4, 0.06)], &lost).0, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(plan(&[(4, 0.06)], &lost).1[4..], [1, 1, 1, 1, 0, 0]);
        // A level that saves 4.5 minutes is not worth these 5.
        assert_eq!(plan(&[(4, 0.045)], &lost).0, [0; 10]);
    }

    #[test]
    fn a_level_is_held_over_a_short_gap_and_ended_over_a_long_one() {
        // Ending the level costs 2.5 minutes, and the drain of the next launch costs 1.
        let lost: Vec<(usize, f64)> = (0..10).map(|slot| (slot, 0.025)).collect();
        assert_eq!(plan(&[(1, 0.2), (4, 0.2)], &lost).1[1..5], [1, 1, 1, 1]);
        assert_eq!(plan(&[(1, 0.2), (7, 0.2)], &lost).1[1..8], [1, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn a_level_that_is_wanted_brings_all_levels_below_it() {
        let saved = [vec![0.0, 0.0, 0.0, 0.2], vec![0.2, 0.0]];
        let commitment = commit(&saved, &[vec![0.0; 4], vec![0.0; 2]], 100.0, 1.0);
        assert_eq!((commitment.spare, commitment.hold), (vec![4, 1], vec![4, 1]));
    }

    #[test]
    fn spare_never_exceeds_hold() {
        let saved: Vec<Vec<f64>> = (0..60)
            .map(|slot| (0..8).map(|level| 0.5 / f64::from(1 + (slot * 7 + level * 13) % 50)).collect())
            .collect();
        let commitment = commit(&saved, &saved, 60.0, 0.5);
        assert!(commitment.spare.iter().zip(&commitment.hold).all(|(spare, hold)| spare <= hold));
    }
}
