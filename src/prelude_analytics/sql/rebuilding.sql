-- Whether rollups are being made anew.
SELECT EXISTS (SELECT FROM public.rollup_rebuild WHERE part = 'rollups') AS rebuilding
