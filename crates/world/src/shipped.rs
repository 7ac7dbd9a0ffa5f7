//! The stack as it is shipped, as far as this world has it: what the template says beside the declarations of the controller.
//! A test of the simulator holds it against the template.

use controller::{
    alarms::SCALE_OUT_POLICY,
    settings::{SETTINGS, Setting},
};

use super::{AlarmConfig, PolicyConfig, Step, WorldConfig};

/// The parameters of the template that are no settings of the functions, with their defaults.
pub const SHIPPED: [(&str, u32); 3] = [("MinSize", 0), ("MaxSize", 20), ("DrainAlarmHours", 12)];

/// The default of one of the template's parameters: of these, or of a setting of the functions.
pub fn shipped(parameter: &str) -> Option<u32> {
    let beside = SHIPPED.iter().find(|(name, _)| *name == parameter).map(|(_, default)| *default);
    beside.or_else(|| {
        let settings = SETTINGS.iter().filter_map(Setting::parameter);
        settings.filter(|setting| setting.name == parameter).find_map(|setting| setting.default?.parse().ok())
    })
}

impl WorldConfig {
    /// The same world, watched by every alarm of the stack, one of which drives its scaling policy.
    ///
    /// # Errors
    /// An alarm's threshold is a parameter without a default here.
    pub fn with_shipped_alarms(self) -> Result<WorldConfig, String> {
        let step = |lower, upper, adjustment| Step { lower, upper, adjustment };
        let steps = vec![step(0.0, Some(2.0), 1), step(2.0, Some(4.0), 2), step(4.0, Some(8.0), 4), step(8.0, None, 8)];
        Ok(WorldConfig {
            alarms: AlarmConfig::all_declared(|parameter| shipped(parameter).map(f64::from))?,
            policies: vec![PolicyConfig::Step { name: SCALE_OUT_POLICY.into(), steps, warmup_seconds: 300 }],
            ..self
        })
    }
}
