-- The newest row that is dated at a moment or later.
SELECT max(log."timestamp") AS newest FROM public.user_activity_logs AS log WHERE log."timestamp" >= %(moment)s::timestamptz
