global using OrleansRocketMQ.Testing;
global using Xunit;
