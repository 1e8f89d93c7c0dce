SELECT
  COUNT(*) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
