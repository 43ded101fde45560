-- Weekly partitions, Monday 00:00 UTC to Monday, named after their first day. There is no DEFAULT partition: it would block
-- ATTACH and DETACH CONCURRENTLY.

-- Makes the partition that holds `moment`; true when it was not there yet.
-- CREATE and ATTACH pass beside open readers and writers; CREATE … PARTITION OF would wait for them.
CREATE FUNCTION public.prelude_ensure_partition(moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    starts timestamptz := date_trunc('week', moment);
    ends timestamptz := date_trunc('week', moment) + interval '7 days';
    partition_name text := 'user_activity_logs_p' || to_char(date_trunc('week', moment), 'YYYYMMDD');
    attached boolean;
BEGIN
    IF moment IS NULL OR moment < '1970-01-01' OR moment >= '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for %: the log reaches from 1970 to 2199', moment USING ERRCODE = 'datetime_field_overflow';
    END IF;
    -- Asked of the table, not by to_regclass: its cache may say "not there" after the wait for the lock.
    SELECT relispartition INTO attached FROM pg_class WHERE relname = partition_name AND relnamespace = 'public'::regnamespace;
    IF attached THEN
        RETURN false;
    END IF;
    -- Two that make the same one: the second waits here, then finds it.
    PERFORM pg_advisory_xact_lock(hashtextextended('prelude_ensure_partition', 0));
    SELECT relispartition INTO attached FROM pg_class WHERE relname = partition_name AND relnamespace = 'public'::regnamespace;
    IF attached THEN
        RETURN false;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'table % exists, but is no partition of user_activity_logs', partition_name
            USING HINT = 'It was detached and not dropped. Attach it again, or rename it.', ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format(
        'CREATE TABLE public.%I (LIKE public.user_activity_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
        partition_name
    );
    EXECUTE format(
        'ALTER TABLE public.user_activity_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        partition_name, starts, ends
    );
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION public.prelude_ensure_partition(timestamptz) FROM PUBLIC;
