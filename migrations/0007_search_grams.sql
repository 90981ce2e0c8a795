-- Grams as numbers. PostgreSQL keeps statistics of an array's commonest elements in the order of the column's collation and
-- looks them up in that of the database: for text in the order of names it found none, took every search for a rare one and
-- fetched all matches of a common one for a page. Numbers have no collation. They also compare, store and change hands faster.
--
-- 0008 builds the indexes while everything goes on, 0010 changes the names so that a server of before the migration uses
-- them too, 0011 drops what nobody uses any more.

-- The same key as before; most texts are normal already, and to see that is cheaper than to make them so again. Not strict,
-- or it could not be inlined: of null it is null all the same.
create or replace function app.fold(value text) returns text language sql immutable parallel safe
    return lower(case when value is nfkc normalized then value else normalize(value, nfkc) end collate "und-x-icu");

-- All one- and two-character pieces of a folded key, so that one or two Chinese characters find a name by index: a character
-- as its code point, a pair with the first 21 bits higher. The first character comes twice, which the index does not mind.
create function app.grams_as_numbers(key text) returns bigint[] language plpgsql immutable strict parallel safe as $$
declare
    piece text;
    this bigint;
    last bigint := 0;
    found bigint[] := '{}';
begin
    foreach piece in array string_to_array(key, null) loop
        this := ascii(piece);
        found := found || this;
        found := found || (last << 21 | this);
        last := this;
    end loop;
    return found;
end $$;

-- Those of what is asked for that find it: pairs that cover it side by side, the last one overlapping when the number of
-- characters is odd. The planner multiplies the frequencies of all it is given, and those that overlap depend on each other.
create function app.grams_asked(key text) returns bigint[] language plpgsql immutable strict parallel safe as $$
declare
    pieces text[] := string_to_array(key, null);
    size integer := cardinality(pieces);
    found bigint[] := '{}';
begin
    if size = 1 then
        return array[ascii(key)];
    end if;
    for place in 1 .. size by 2 loop
        found := found || (ascii(pieces[least(place, size - 1)])::bigint << 21 | ascii(pieces[least(place, size - 1) + 1]));
    end loop;
    return found;
end $$;
