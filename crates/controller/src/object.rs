//! JSON objects by the names of their members. Left alone, serde would take an array too, by position.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// An object, and nothing else. A member that comes twice is refused, if it is one of `T`'s.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(OfMember(PhantomData))? {
            Member::Object(object) => Ok(Object(object)),
            Member::Text(_) | Member::Other => Err(D::Error::custom("it is no object")),
        }
    }
}

/// An object or a text, if it is one. Anything else is passed over, however long or deep.
#[derive(Default)]
pub(crate) enum Member<T> {
    /// An object.
    Object(T),
    /// A text.
    Text(String),
    /// What is neither.
    #[default]
    Other,
}

impl<T> Member<T> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Member::Text(text) => Some(text),
            Member::Object(_) | Member::Other => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfMember(PhantomData))
    }
}

struct OfMember<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMember<T> {
    type Value = Member<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Member<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Member::Object)
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<T>, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Member<T>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }
}
