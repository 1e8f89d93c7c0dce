SELECT
  DATE_DIFF(
    'DAY',
    CAST(MAX("col D" AT TIME ZONE 'Europe/Berlin') AS DATE),
    CAST(CAST('2024-06-15 12:00:00' AS TIMESTAMP) AS DATE)
  ) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
