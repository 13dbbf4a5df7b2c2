global using Microsoft.Extensions.Time.Testing;
global using OrleansRocketMQ.Testing;
global using Xunit;
