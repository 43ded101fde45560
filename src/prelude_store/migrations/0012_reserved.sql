-- Nothing: the number is another change's, and the numbers have no gap.
SELECT 1;
