//! Makes of each declaration the field that holds the setting, the code that reads it, and its row in the table.

/// Takes the settings by the value that they end up in: `settings` and `forecast` become fields of the structs of these
/// names, `policy` has its fields in the planner. `read` refuses a bad value, `try_read` hands it on as an error.
macro_rules! declare {
    (
        settings { $($own:tt)* }
        policy { $($policy:tt)* }
        forecast { $($forecast:tt)* }
    ) => {
        declare! { @struct
            /// A function's settings. One that the function does not read has its default, or is empty.
            Settings {
                /// What the forecast needs.
                pub forecast: ForecastSettings,
                /// What planning needs, in its units.
                pub policy: planner::Policy,
            }
            $($own)*
        }
        declare! { @struct
            /// What the forecast needs.
            ForecastSettings {}
            $($forecast)*
        }
        declare! { @table $($own)* $($policy)* $($forecast)* }

        /// Reads everything that concerns the reader's function.
        #[allow(clippy::needless_update, reason = "one that says everything is declared like the others")]
        pub(super) fn read(reader: &mut Reader) -> Settings {
            let mut policy = planner::Policy::default();
            declare! { @assign reader, policy, $($policy)* }
            let forecast = declare! { @make reader, ForecastSettings, {}, $($forecast)* };
            declare! { @make reader, Settings, { forecast, policy, }, $($own)* }
        }

        /// Takes over from `unread` what the function does not read.
        #[allow(clippy::needless_update, reason = "one that says everything is declared like the others")]
        pub(super) fn forget(settings: &mut Settings, unread: Settings, function: Function) {
            declare! { @forget settings, unread, function, $($own)* }
            let (policy, unread_policy) = (&mut settings.policy, unread.policy);
            declare! { @forget policy, unread_policy, function, $($policy)* }
            let (forecast, unread_forecast) = (&mut settings.forecast, unread.forecast);
            declare! { @forget forecast, unread_forecast, function, $($forecast)* }
        }
    };
    (@struct
        $(#[$about:meta])* $name:ident { $($more:tt)* }
        $( $(#[doc = $meaning:literal])+ $field:ident: $value:ty = $method:ident $kind:ident($data:expr), $declared:tt )*
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $meaning])+ pub $field: $value, )*
            $($more)*
        }
    };
    (@table
        $( $(#[doc = $meaning:literal])+ $field:ident: $value:ty = $method:ident $kind:ident($data:expr), $declared:tt )*
    ) => {
        /// Every setting of the functions.
        #[allow(clippy::needless_update, reason = "one that says everything is declared like the others")]
        pub const SETTINGS: &[Setting] = &[ $( declare! { @setting [$($meaning)+] $kind($data), $declared } ),* ];
    };
    (@setting [$($meaning:literal)+] $kind:ident($data:expr), { $($name:ident: $declared:expr),* $(,)? }) => {
        Setting {
            $($name: $declared,)*
            kind: Kind::$kind($data),
            meaning: concat!($($meaning),+).trim_ascii(),
            ..NOTHING_MORE
        }
    };
    (@assign $reader:ident, $target:ident,
        $( $(#[doc = $meaning:literal])+ $field:ident: $value:ty = $method:ident $kind:ident($data:expr), $declared:tt )*
    ) => {
        $(
            $target.$field =
                $reader.$method(&const { declare! { @setting [$($meaning)+] $kind($data), $declared } }, &$data);
        )*
    };
    (@forget $target:ident, $unread:ident, $function:ident,
        $( $(#[doc = $meaning:literal])+ $field:ident: $value:ty = $method:ident $kind:ident($data:expr), $declared:tt )*
    ) => {
        $(
            if !const { declare! { @setting [$($meaning)+] $kind($data), $declared } }.is_read_by($function) {
                $target.$field = $unread.$field;
            }
        )*
    };
    (@make $reader:ident, $name:ident, { $($more:tt)* },
        $( $(#[doc = $meaning:literal])+ $field:ident: $value:ty = $method:ident $kind:ident($data:expr), $declared:tt )*
    ) => {
        $name {
            $(
                $field:
                    $reader.$method(&const { declare! { @setting [$($meaning)+] $kind($data), $declared } }, &$data),
            )*
            $($more)*
        }
    };
}

pub(super) use declare;
