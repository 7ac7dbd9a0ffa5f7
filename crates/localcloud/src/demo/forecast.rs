//! Who decides how many Jibris wait: the forecast, or the threshold.

use serde_json::Value;
use world::Milliseconds;

use super::scenario::FORECAST_PARAMETER;
use crate::cloud::LocalCloud;

const MINUTE: Milliseconds = 60_000;

/// What the pool wanted at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) at: Milliseconds,
    /// The spare target, as `availability` last published it.
    pub(super) spare: u32,
    pub(super) by_forecast: bool,
}

impl Wanted {
    /// As it is now; before anything was published, the threshold is wanted.
    pub(super) fn look(cloud: &LocalCloud, threshold: u32) -> Wanted {
        let (at, parameter) = cloud.world(|world| (world.now(), world.get_parameter(FORECAST_PARAMETER)));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of Jibris")]
        let spare = cloud.latest_value("SpareTarget").map_or(threshold, |value| value as u32);
        Wanted { at, spare, by_forecast: parameter.is_ok_and(|text| rules(&text, at)) }
    }
}

/// Whether a forecast is acted on at a moment.
fn rules(parameter: &str, at: Milliseconds) -> bool {
    let forecast: Value = serde_json::from_str(parameter).unwrap_or_default();
    let moment =
        |name: &str| forecast[name].as_str()?.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_millisecond());
    let is_valid =
        moment("written_at").zip(moment("expires_at")).is_some_and(|(from, until)| (from..until).contains(&at));
    is_valid && forecast["acting"] == true
}

/// When the forecast first ruled, and between which targets it then moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) began: Milliseconds,
    pub(super) duration: Milliseconds,
    pub(super) least: u32,
    pub(super) most: u32,
}

/// What comes of all looks; `None` when the forecast never ruled.
pub(super) fn reign(looks: &[Wanted]) -> Option<Reign> {
    let began = looks.iter().find(|look| look.by_forecast)?.at;
    let ruled = || looks.windows(2).filter(|pair| pair[0].by_forecast);
    // A minute goes by before availability has read what is written.
    let spare = || ruled().filter(|pair| pair[0].at >= began + MINUTE).map(|pair| pair[0].spare);
    Some(Reign {
        began,
        duration: ruled().map(|pair| pair[1].at - pair[0].at).sum(),
        least: spare().min()?,
        most: spare().max()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_rules_while_it_is_valid_and_no_shadow() {
        let parameter = |acting: bool| {
            format!(r#"{{"written_at":"1970-01-01T00:00:10Z","expires_at":"1970-01-01T00:15:10Z","acting":{acting}}}"#)
        };
        let at = [9_999, 10_000, 910_000 - 1, 910_000].map(|at| rules(&parameter(true), at));
        assert_eq!(at, [false, true, true, false]);
        assert!(!rules(&parameter(false), 10_000));
        assert!(!rules("{}", 10_000) && !rules("no JSON", 10_000));
    }

    #[test]
    fn a_reign_begins_with_the_first_forecast_and_counts_every_minute_of_it() {
        let look = |minute, spare, by_forecast| Wanted { at: minute * MINUTE, spare, by_forecast };
        let looks = [
            look(0, 15, false),
            look(2, 15, true),
            look(3, 4, true),
            look(5, 9, true),
            look(6, 20, false),
            look(9, 8, true),
            look(10, 1, false),
        ];
        assert_eq!(reign(&looks), Some(Reign { began: 2 * MINUTE, duration: 5 * MINUTE, least: 4, most: 9 }));
        assert_eq!(reign(&looks[..1]), None);
    }
}
