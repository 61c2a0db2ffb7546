use super::item::{Arg, Item, Packet, Value, Variables};

/// Compares expectations with what came, and remembers what they ask for.
pub(super) struct Matching<'a> {
    pub(super) variables: &'a mut Variables,
}

impl Matching<'_> {
    /// `Err` says where the two differ.
    pub(super) fn packet(&mut self, wanted: &Packet, actual: &Packet) -> Result<(), String> {
        self.args("the header", &wanted.header, &actual.header)?;
        self.items(&wanted.items, &actual.items)
    }

    pub(super) fn item(&mut self, wanted: &Item, actual: &Item) -> Result<(), String> {
        if wanted.name != actual.name {
            return Err(format!("{} is wanted, {} came", wanted.name, actual.name));
        }
        self.args(&wanted.name, &wanted.args, &actual.args)?;
        match (&wanted.inner, &actual.inner) {
            (None, _) => Ok(()),
            (Some(wanted), actual) => self.items(wanted, actual.as_deref().unwrap_or_default()),
        }
    }

    fn items(&mut self, wanted: &[Item], actual: &[Item]) -> Result<(), String> {
        for (wanted, actual) in wanted.iter().zip(actual) {
            self.item(wanted, actual)?;
        }
        if let Some(missing) = wanted.get(actual.len()) {
            return Err(format!("{} is missing", missing.name));
        }
        match actual.get(wanted.len()) {
            Some(more) => Err(format!("{} is too much", more.name)),
            None => Ok(()),
        }
    }

    fn args(&mut self, place: &str, wanted: &[Arg], actual: &[Arg]) -> Result<(), String> {
        for Arg { name, value } in wanted {
            let Some(found) = actual.iter().find(|arg| arg.name == *name) else {
                return Err(format!("{place} has no {name}"));
            };
            self.value(value, &found.value).map_err(|text| format!("{name} of {place}: {text}"))?;
        }
        Ok(())
    }

    pub(super) fn value(&mut self, wanted: &Value, actual: &Value) -> Result<(), String> {
        match resolve(wanted, self.variables)? {
            Value::Any => Ok(()),
            Value::Capture(name) => {
                self.variables.insert(name, actual.clone());
                Ok(())
            }
            Value::List(wanted) => {
                let Value::List(actual) = actual else {
                    return Err(format!("a list is wanted, {actual} came"));
                };
                if wanted.len() != actual.len() {
                    let (wanted, actual) = (wanted.len(), actual.len());
                    return Err(format!("{wanted} entries are wanted, {actual} came"));
                }
                wanted.iter().zip(actual).try_for_each(|(one, other)| self.value(one, other))
            }
            wanted @ (Value::Number(_)
            | Value::Time(_)
            | Value::Bytes(_)
            | Value::Word(_)
            | Value::Variable(..)) => {
                let same = wanted == *actual;
                if same { Ok(()) } else { Err(format!("{wanted} is wanted, {actual} came")) }
            }
        }
    }
}

/// Puts in what variables stand for.
pub(super) fn resolve(value: &Value, variables: &Variables) -> Result<Value, String> {
    match value {
        Value::Variable(name, offset) => {
            let value = variables.get(name).ok_or_else(|| format!("there is no ${name} yet"))?;
            match (value, offset) {
                (value, 0) => Ok(value.clone()),
                (Value::Number(number), offset) => {
                    let sum = number.wrapping_add_signed(*offset);
                    Ok(Value::Number(sum & u64::from(u32::MAX)))
                }
                (value, _) => Err(format!("${name} is {value}, no number")),
            }
        }
        Value::List(values) => {
            let values = values.iter().map(|value| resolve(value, variables));
            Ok(Value::List(values.collect::<Result<_, _>>()?))
        }
        Value::Number(_)
        | Value::Time(_)
        | Value::Bytes(_)
        | Value::Word(_)
        | Value::Any
        | Value::Capture(_) => Ok(value.clone()),
    }
}

/// The same for everything in an item.
pub(super) fn resolve_item(item: &Item, variables: &Variables) -> Result<Item, String> {
    let inner = item.inner.as_ref().map(|inner| {
        inner.iter().map(|item| resolve_item(item, variables)).collect::<Result<Vec<_>, _>>()
    });
    Ok(Item {
        name: item.name.clone(),
        args: resolve_args(&item.args, variables)?,
        inner: inner.transpose()?,
    })
}

/// The same for everything in a packet.
pub(super) fn resolve_packet(packet: &Packet, variables: &Variables) -> Result<Packet, String> {
    let items = packet.items.iter().map(|item| resolve_item(item, variables));
    Ok(Packet {
        header: resolve_args(&packet.header, variables)?,
        items: items.collect::<Result<_, _>>()?,
    })
}

fn resolve_args(args: &[Arg], variables: &Variables) -> Result<Vec<Arg>, String> {
    args.iter()
        .map(|Arg { name, value }| {
            Ok(Arg { name: name.clone(), value: resolve(value, variables)? })
        })
        .collect()
}
